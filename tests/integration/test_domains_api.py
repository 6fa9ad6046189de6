"""A conversation is begun with the bot one chooses."""

from __future__ import annotations

from app.factory import build
from app.settings import Settings
from tests.integration.client import InstantRecognizer, Serve


def test_the_bots_are_listed_with_the_default_first(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    listed = client.get("/api/domains").json()
    assert listed["default"] == listed["domains"][0]["name"] == "clinic"
    assert {"name": "daily", "title": "生活助手", "timezone": "Asia/Shanghai"} in listed["domains"]


def test_the_bot_that_was_asked_for_greets_and_stays(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    begun = client.post("/api/conversations", params={"domain": "daily"}).json()
    assert begun["domain"] == "daily"
    assert "生活助手" in begun["messages"][0]["text"]
    assert client.get(f"/api/conversations/{begun['id']}/messages").json()["domain"] == "daily"
    assert client.post("/api/conversations").json()["domain"] == "clinic"


def test_a_bot_that_is_not_there_is_refused(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    refused = client.post("/api/conversations", params={"domain": "moon"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "domain_unknown")
