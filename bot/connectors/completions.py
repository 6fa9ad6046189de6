"""A language model over OpenAI's chat completions, streamed; the domain's tasks are its tools.

When the model calls a tool, the built-in bot takes over: it opens that task with the values the model gives, asks
for the rest, confirms and acts, for a model may make things up and a policy does not. When the task is done or
stopped, and when the built-in bot does not understand, the model speaks again.

Source: OpenAI's API reference, "Create chat completion" (messages, tools, stream, deltas of content and tool_calls).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.connectors.answers import Answer, Collected, mappings
from bot.connectors.exchange import Exchange
from bot.domains.domain import Domain
from bot.errors import BackendFailed
from bot.rules.decision import Prefill
from bot.state import DialogueState
from bot.turn import Utterance

MAX_TOKENS = 400


class CompletionsConnector:
    """Answers with what a language model says, or with the task that it wants begun."""

    def __init__(self, exchange: Exchange, model: str, domain: Domain) -> None:
        """Ask `model` at the server of `exchange`, whose url ends in /v1, about the tasks of `domain`."""
        self._exchange = exchange
        self._model = model
        self._domain = domain
        self._tools = [_tool(domain, name) for name in domain.tasks]

    def ask(self, utterance: Utterance, state: DialogueState) -> Answer:
        """Return the model's text, a bubble for each paragraph, or the task that it calls for; see Connector."""
        body = {
            "model": self._model,
            "messages": [*self._messages(state), {"role": "user", "content": utterance.text}],
            "tools": self._tools,
            "stream": True,
            "max_tokens": MAX_TOKENS,
        }
        text, name, arguments = "", "", ""
        for delta in _deltas(self._exchange.events("chat/completions", body)):
            text += delta.get("content") or ""
            for call in mappings(delta.get("tool_calls")):
                function = call.get("function")
                if call.get("index", 0) == 0 and isinstance(function, Mapping):
                    name += function.get("name") or ""
                    arguments += function.get("arguments") or ""
        if name in self._domain.tasks:
            return Answer(begin=Prefill(name, self._values(name, arguments)))
        collected = Collected(self._exchange)
        for paragraph in text.split("\n\n"):
            collected.text(paragraph)
        return collected.answer(hand_over=not collected.texts)

    def _messages(self, state: DialogueState) -> Iterator[dict[str, str]]:
        titles = "、".join(task.title for task in self._domain.tasks.values())
        yield {
            "role": "system",
            "content": f"你是{self._domain.title}，用简短的中文口语回答。用户想办的事（{titles}）一律调用对应的工具，"
            "只填用户明确说过的值，不要编造。用户的话来自语音识别，可能有同音错字。",
        }
        for role, said in state.history:
            yield {"role": role, "content": said}

    def _values(self, task: str, arguments: str) -> Mapping[str, str]:
        """Return the slots that the model filled; what is no JSON, or no slot of the task, is left out."""
        try:
            given = json.loads(arguments or "{}")
        except ValueError:
            return {}
        named = given.items() if isinstance(given, dict) else ()
        own = self._domain.tasks[task].names
        return {slot: str(value) for slot, value in named if slot in own and isinstance(value, str | int | float)}


def _deltas(events: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for data in events:
        if data == "[DONE]":
            return
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise BackendFailed("The model's stream is not JSON.") from error
        if not isinstance(chunk, Mapping) or "error" in chunk:
            raise BackendFailed("The model's server answered with an error.")
        for choice in mappings(chunk.get("choices")):
            delta = choice.get("delta")
            if isinstance(delta, Mapping):
                yield delta


def _tool(domain: Domain, name: str) -> dict[str, Any]:
    task = domain.tasks[name]
    own = [step.slot for step in task.slots if domain.slots[step.slot].type != "record"]
    properties: dict[str, Any] = {}
    for slot in own:
        model = domain.slots[slot]
        properties[slot] = {"type": "string", "description": f"{model.label}。{model.help}"}
        if model.type == "choice":
            properties[slot]["enum"] = [value.value for value in model.values if not value.refuse]
    parameters = {"type": "object", "properties": properties, "required": []}
    return {"type": "function", "function": {"name": name, "description": task.title, "parameters": parameters}}
