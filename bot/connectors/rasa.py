"""A Rasa assistant over its REST channel.

Source: Rasa's documentation, "Your own website", REST channel: POST /webhooks/rest/webhook with sender and message,
answered by a list of messages with text, image and buttons.
"""

from __future__ import annotations

from bot.connectors.answers import Answer, Collected, mappings
from bot.connectors.exchange import Exchange
from bot.errors import BackendFailed
from bot.state import DialogueState
from bot.turn import Utterance


class RasaConnector:
    """Answers with what a Rasa assistant says."""

    def __init__(self, exchange: Exchange) -> None:
        """Ask the server of `exchange`, whose url is that of the Rasa server itself."""
        self._exchange = exchange

    def ask(self, utterance: Utterance, state: DialogueState) -> Answer:
        """Return the assistant's messages as one answer; see Connector."""
        metadata = {"source": utterance.source, "confidence": utterance.confidence, "domain": state.domain}
        body = {"sender": state.key, "message": utterance.text, "metadata": metadata}
        said = self._exchange.post("webhooks/rest/webhook", body)
        if not isinstance(said, list):
            raise BackendFailed("Rasa did not answer with a list of messages.")
        collected = Collected(self._exchange)
        for message in mappings(said):
            collected.text(message.get("text"))
            collected.image(message.get("image"))
            for button in mappings(message.get("buttons")):
                collected.button(button.get("title"), button.get("payload"))
        return collected.answer(hand_over=not said)
