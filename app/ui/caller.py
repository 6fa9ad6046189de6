"""Who calls an endpoint of Gradio's, and what they are told when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gradio as gr
import structlog
from starlette.requests import Request

from app.access.limits import Limits, note_asking
from app.access.person import Person
from app.api import errors
from app.errors import INTERNAL_ERROR, AppError, ScopeMissing
from app.monitoring.logs import origin
from asr.errors import AsrError
from bot import BotError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Caller:
    """The one who asks: the person that the gate found, their address and the language of their errors."""

    person: Person
    address: str
    language: str

    @classmethod
    def of(cls, request: gr.Request | Request) -> Caller:
        """Return who sent `request`: Gradio's own, or, of an MCP client, the server's."""
        sent = request if isinstance(request, Request) else request.request
        assert isinstance(sent, Request)
        address = sent.client.host if sent.client else ""
        return cls(sent.scope["person"], address, errors.language(sent))

    @contextmanager
    def allowed(self, scope: str, limits: Limits) -> Iterator[None]:
        """Do what needs `scope` for this caller, as one of their streams; errors become what Gradio shows.

        Gradio calls its endpoints outside of the request that asked for them, so what is charged to whoever is asking
        is told here who that is.
        """
        note_asking(self.person.id, self.address)
        try:
            if scope not in self.person.scopes:
                raise ScopeMissing(f"This needs the scope {scope}.", scope=scope)
            with limits.stream(self.person.id, self.address):
                yield
        except (AppError, AsrError, BotError) as error:
            raise _shown(errors.sentence(error.code, error.details, self.language)) from error
        except gr.Error:
            raise
        except Exception as error:
            log.error("endpoint failed", error=origin(error))
            raise _shown(errors.sentence(INTERNAL_ERROR, {}, self.language)) from error


def _shown(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)
