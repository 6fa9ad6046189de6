"""Any bot behind one url: it is posted each utterance as JSON and answers with messages.

    {"conversation", "domain", "text", "source", "confidence", "alternatives"}
      -> {"messages": [{"text", "image", "buttons": [{"title", "text"}]}], "hand_over": false}

`alternatives` holds, for each character that was spoken, the candidates as [character, probability]. With
`hand_over` the built-in bot answers instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.connectors.answers import Answer, Collected, mappings
from bot.connectors.exchange import Exchange
from bot.errors import BackendFailed
from bot.state import DialogueState
from bot.turn import Utterance


class WebhookConnector:
    """Answers with what a webhook says."""

    def __init__(self, exchange: Exchange) -> None:
        """Ask the url of `exchange`."""
        self._exchange = exchange

    def ask(self, utterance: Utterance, state: DialogueState) -> Answer:
        """Return the webhook's messages as one answer; see Connector."""
        body = {
            "conversation": state.key,
            "domain": state.domain,
            "text": utterance.text,
            "source": utterance.source,
            "confidence": utterance.confidence,
            "alternatives": utterance.alternatives,
        }
        said = self._exchange.post("", body)
        if not isinstance(said, Mapping):
            raise BackendFailed("The webhook did not answer with an object.")
        collected = Collected(self._exchange)
        for message in mappings(said.get("messages")):
            collected.text(message.get("text"))
            collected.image(message.get("image"))
            for button in mappings(message.get("buttons")):
                collected.button(button.get("title"), button.get("text"))
        return collected.answer(hand_over=said.get("hand_over") is True)
