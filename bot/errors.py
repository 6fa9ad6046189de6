"""Everything that can go wrong between an utterance and its reply.

    BotError
    ├── DomainError              a domain cannot be used
    │   ├── DomainMissing        there is no such file or name
    │   └── DomainInvalid        the file is there and is wrong
    ├── StateError               a stored dialogue cannot be taken up again
    │   ├── StateInvalid         the data is damaged or belongs to another domain
    │   └── StateTooNew          a later version of this program wrote it
    ├── BackendFailed            a bot or a service elsewhere did not answer as it should
    └── ActionError              what the user asked for could not be done
        ├── ActionUnknown        the domain names an action that does not exist
        ├── PlaceTaken           somebody else was faster
        └── ActionFailed         the database or the service refused

`Dialogue.respond` raises none of these for anything a user says: a failed action becomes a reply. They are for
the operator (a domain that cannot be loaded) and the developer (a state that cannot be read).

Every class has a `code`, stable for programs and for the texts shown to users, and every error has
`details`: the plain values (file, line, names) that its message is made of.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float


class BotError(Exception):
    """An utterance could not be answered; `str(error)` says why and what to do about it."""

    code: ClassVar[str] = "bot_error"

    def __init__(self, message: str, **details: Detail) -> None:
        """Keep the English sentence `message` and the values it was made of."""
        super().__init__(message)
        self.details: dict[str, Detail] = details


class DomainError(BotError):
    """A domain cannot be used."""

    code = "domain_error"


class DomainMissing(DomainError):
    """There is no domain of this name and no such file; the message lists the ones there are."""

    code = "domain_missing"


class DomainInvalid(DomainError):
    """The domain file is wrong; the message names the file, the line and what to write instead."""

    code = "domain_invalid"


class StateError(BotError):
    """A stored dialogue cannot be taken up again; begin a new one with `Dialogue.start()`."""

    code = "state_error"


class StateInvalid(StateError):
    """The stored dialogue is damaged; begin a new one."""

    code = "state_invalid"


class StateTooNew(StateError):
    """A later version of the program stored this dialogue; update the program or begin a new dialogue."""

    code = "state_too_new"


class BackendFailed(BotError):
    """A bot or a service elsewhere did not answer, or not as it should; the built-in bot answers instead."""

    code = "backend_failed"


class ActionError(BotError):
    """What the user asked for could not be done."""

    code = "action_error"


class ActionUnknown(ActionError):
    """The domain names an action that the bot does not have; the message lists the ones there are."""

    code = "action_unknown"


class PlaceTaken(ActionError):
    """The last place has been taken since it was offered; nothing was stored, and others are offered."""

    code = "place_taken"


class ActionFailed(ActionError):
    """The database or service refused; nothing was stored, what was collected is kept, and it can be tried again."""

    code = "action_failed"
