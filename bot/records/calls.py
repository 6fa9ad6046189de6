"""Actions that are another system's: a webhook is told what was collected, again when it does not answer.

What is sent carries the key of the task's run as `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), the
same each time, so that who receives it twice does it once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bot.connectors.exchange import Exchange
from bot.domains.parts import Action
from bot.errors import ActionFailed, BackendFailed
from bot.records.rows import FoundRow
from bot.rules.decision import ActionCall

_PAUSE = 0.2  # seconds before the first repetition, doubled before each further one


class Calls:
    """The webhooks of one domain. Safe to share between threads."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a client for each action that is a call; `sleep` waits between two tries."""
        self._sleep = sleep
        self._exchanges = {
            name: Exchange(
                action.url, timeout=action.timeout, key=os.environ.get(action.secret_env, ""), transport=transport
            )
            for name, action in actions.items()
            if action.do == "call"
        }

    def run(self, action: Action, call: ActionCall) -> list[FoundRow]:
        """Post what was collected; return what the action `returns`, of what was answered.

        Raises ActionFailed when the last try was answered with an error or not at all, or the first was refused.
        """
        body = {"task": call.task, "action": call.action, "key": call.key, "values": call.values, "items": call.items}
        for attempt in range(action.retries + 1):
            if attempt:
                self._sleep(_PAUSE * 2 ** (attempt - 1))
            try:
                answered = self._exchanges[call.action].post("", body, {"Idempotency-Key": call.key})
                return [FoundRow("", _values(answered, action))]
            except BackendFailed as error:
                status = error.details.get("status")
                refused = isinstance(status, int) and status < 500 and status not in (408, 425, 429)
                if refused or attempt == action.retries:
                    raise ActionFailed(f"{call.action}: {error}", action=call.action) from error
        raise AssertionError  # the last try returns or raises


def _values(answered: Any, action: Action) -> dict[str, str]:
    given = answered if isinstance(answered, Mapping) else {}
    values = {name: given.get(name) for name in action.returns}
    return {name: str(value)[:200] for name, value in values.items() if isinstance(value, str | int | float)}
