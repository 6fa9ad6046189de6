"""Another web site cannot use a visitor's browser to send messages, and the browser is bound by headers."""

from __future__ import annotations

import pytest

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve


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
