"""Another web site cannot use a visitor's browser to send messages, and the browser is bound by headers."""

from __future__ import annotations

import json
import re

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.factory import ROUTERS, build
from app.services import Services
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve

PAGES = ("/login", "/health", "/ready")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    ],
)
def test_a_request_from_another_site_is_refused(chat: Chat, headers: dict[str, str]) -> None:
    for path in ("/api/conversations", chat.path):
        answer = chat.client.post(path, json={"text": "你好"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
    assert chat.messages() == chat.greeting


def test_requests_of_the_own_page_and_of_programs_are_taken(chat: Chat) -> None:
    own = f"http://127.0.0.1:{chat.client.base_url.port}"
    for headers in ({}, {"Origin": own}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"}):
        assert chat.client.post("/api/conversations", headers=headers).status_code == 201


def test_an_allowed_origin_is_taken(settings: Settings, serve: Serve) -> None:
    friendly = settings.model_copy(update={"allowed_origins": frozenset({"https://chat.example.org"})})
    chat = Chat(serve(build(friendly, recognizer=InstantRecognizer(), page=None)))
    headers = {"Origin": "https://chat.example.org", "Sec-Fetch-Site": "cross-site"}
    assert chat.client.post("/api/conversations", headers=headers).status_code == 201


def test_no_other_site_may_read_an_answer(chat: Chat) -> None:
    answer = chat.client.get(chat.path, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/health", "/api/config", "/api/nothing", "/ui/locales/zh.json"])
def test_every_answer_binds_the_browser(chat: Chat, path: str) -> None:
    headers = chat.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert (
        "object-src 'none'" in headers["content-security-policy"]
        or "default-src 'none'" in headers["content-security-policy"]
    )
    assert "frame-ancestors" in headers["content-security-policy"]
    assert headers["permissions-policy"].startswith("microphone=(self)")
    assert headers["x-request-id"]


def test_answers_with_words_of_users_are_never_cached(chat: Chat) -> None:
    assert chat.client.get(chat.path).headers["cache-control"] == "no-store"


def reading_routes() -> list[str]:
    return sorted(
        {
            re.sub(r"\{\w+(:path)?\}", "1", getattr(route, "path", ""))
            for router in ROUTERS
            for route in router.routes
            if "GET" in getattr(route, "methods", ())
        }
        - set(PAGES)
    )


@pytest.mark.parametrize("path", reading_routes())
def test_another_site_gets_and_causes_nothing_by_reading(chat: Chat, path: str) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        answer = chat.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")


@pytest.mark.parametrize("path", PAGES)
def test_another_site_may_link_to_a_page(chat: Chat, path: str) -> None:
    assert chat.client.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code != 403


def test_gradio_lets_no_other_site_read_either(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer()))
    for method in ("GET", "OPTIONS", "POST"):
        for path in ("/config", "/", "/theme.css", "/gradio_api/info", "/login"):
            for origin in ("https://evil.example", "null", "http://localhost:3000"):
                headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                answer = client.request(method, path, headers=headers)
                assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)


def test_pages_of_other_hosts_do_not_reach_the_port_for_funasr(settings: Settings, serve: Serve) -> None:
    app = build(
        settings.model_copy(update={"host": "0.0.0.0", "open": True, "funasr_port": 0,
                                    "allowed_origins": frozenset({"https://friend.example"})}),
        recognizer=InstantRecognizer(), page=None,
    )  # fmt: skip
    serve(app)
    url = f"ws://127.0.0.1:{Services.of(app).funasr_port}/"
    for origin in ("https://evil.example", "null", "http://[", "https://127.0.0.1.evil.example"):
        with pytest.raises(InvalidStatus):
            connect(url, additional_headers={"Origin": origin})
    for headers in ({}, {"Origin": "http://127.0.0.1:8080"}, {"Origin": "https://friend.example"}):
        with connect(url, additional_headers=headers) as socket:
            socket.send('{"mode": "offline", "is_speaking": false}')
            assert json.loads(socket.recv(20))["is_final"]
