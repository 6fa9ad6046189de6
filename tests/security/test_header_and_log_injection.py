"""What clients send can neither forge lines of the log nor headers of an answer."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.factory import build
from app.monitoring.logs import configure_logging
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve

FORGED = "x\r\nSet-Cookie: stolen=1\r\n\r\n2026-01-01 [info] forged\x1b[2J\u2028"


@pytest.fixture(params=[False, True], ids=["text", "json"])
def log(request: pytest.FixtureRequest, settings: Settings) -> Iterator[io.StringIO]:
    """What the app logs, as the entry point sets it up."""
    kept = logging.getLogger().handlers
    configure_logging(settings.model_copy(update={"log_json": request.param, "log_level": "debug"}))
    target = io.StringIO()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(target)
    yield target
    logging.getLogger().handlers = kept
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def test_a_line_of_the_log_is_one_line_whatever_is_in_it(log: io.StringIO) -> None:
    structlog.get_logger("app.test").info("request refused", host=FORGED, reason=FORGED)
    lines = log.getvalue().splitlines()
    assert log.getvalue().count("\n") == 1
    assert "\x1b[2J" not in lines[0]


def test_what_is_sent_stays_out_of_the_log(log: io.StringIO, settings: Settings, serve: Serve) -> None:
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    chat.write("我的身份证号是秘密")
    chat.client.get("/api/nothing", params={"q": "秘密"}, headers={"User-Agent": "秘密".encode()})  # type: ignore[dict-item]
    assert "秘密" not in log.getvalue()
    assert chat.id not in log.getvalue()


def test_headers_of_an_answer_cannot_be_chosen(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer(), page=None))
    for path in ("/api/domains?x=%0d%0aSet-Cookie:%20stolen=1", "/login?next=%0d%0aSet-Cookie:%20stolen=1"):
        assert "stolen" not in str(client.get(path).headers)
    answer = client.post("/api/conversations", headers={"Origin": "https://evil.example"})
    assert json.loads(answer.text)["error"]["code"] == "cross_site"
    assert "evil.example" not in str(answer.headers)


def test_a_redirect_to_log_in_stays_on_this_server(settings: Settings, serve: Serve) -> None:
    locked = settings.model_copy(
        update={"user_header": "Remote-User", "trusted_proxies": frozenset({"10.0.0.1"}), "host": "0.0.0.0"}
    )
    client = serve(build(locked, recognizer=InstantRecognizer(), page=None))
    for path in ("//evil.example/x", "/%2f%2fevil.example", "/x?next=https://evil.example"):
        location = client.get(path, headers={"Accept": "text/html"}).headers["location"]
        assert location.startswith("/login?next=%2F")
