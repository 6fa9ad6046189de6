"""Whatever people type, bots answer, recognisers hear and lists hold: on the page it is text, never markup."""

from __future__ import annotations

import json

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenChat

ATTACKS = (
    "<img src=x onerror='window.broken=1'>",
    "<script>window.broken=1</script>",
    "<svg onload='window.broken=1'>",
    "\"'><iframe srcdoc='<script>parent.broken=1</script>'>",
    "javascript:window.broken=1",
    "{{constructor.constructor('window.broken=1')()}} ${window.broken=1}",
)
ATTACK = " ".join(ATTACKS)


def unbroken(page: Page) -> None:
    page.wait_for_timeout(100)  # an image that fails to load needs a moment to run its handler
    assert page.evaluate("window.broken") is None
    assert page.locator(".ts-app img[src=x], .ts-app iframe, .ts-app script, .ts-app svg[onload]").count() == 0


def test_markup_that_is_typed_is_shown_as_it_is(open_chat: OpenChat) -> None:
    chat = open_chat()
    expect(chat.type(ATTACK)).to_contain_text(ATTACK)
    unbroken(chat.page)
    chat.reload()
    expect(chat.mine.last).to_contain_text(ATTACK)
    unbroken(chat.page)


def test_markup_from_the_bot_and_the_recogniser_is_shown_as_it_is(open_chat: OpenChat) -> None:
    chat = open_chat()

    def poison(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        bot = body["messages"][-1]
        bot |= {"text": ATTACK, "quick_replies": [{"title": ATTACK, "text": ATTACK}]}
        voice = {**bot, "id": "voice", "role": "user", "kind": "voice", "seconds": 1.0, "quick_replies": [],
                 "audio_url": "javascript:window.broken=1"}  # fmt: skip
        error = {"code": ATTACK, "message": ATTACK, "details": {}}
        failed = {**voice, "id": "failed", "status": "failed", "error": error}
        body["messages"] = [voice, failed, bot]
        route.fulfill(response=answer, body=json.dumps(body))

    chat.page.route("**/api/conversations/*/messages", poison)
    chat.reload()
    expect(chat.bots.last).to_contain_text(ATTACKS[0])
    expect(chat.mine.first).to_contain_text(ATTACKS[0])
    expect(chat.replies.first).to_contain_text(ATTACKS[0])
    chat.mine.first.locator("button").first.click()
    unbroken(chat.page)


def test_markup_in_hotword_lists_and_suggestions_is_shown_as_it_is(open_chat: OpenChat) -> None:
    page = open_chat().page

    def poison(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        entry = {"word": ATTACK, "weight": 20, "aliases": [ATTACK], "contexts": [ATTACK]}
        fault = {"line": 1, "column": 1, "reason": ATTACK, "message": ATTACK, "warning": True}
        if "lists" in body:
            body["lists"].append({"id": "1", "name": ATTACK, "words": 1, "read_only": False})
        if "text" in body:
            body |= {"text": f"{ATTACK}\n", "words": [entry], "problems": [fault]}
        if "candidates" in body:
            body["candidates"] = [
                {"id": "1", "word": ATTACK, "alias": ATTACK, "alias_is_word": True, "message_id": ATTACK}
            ]
        route.fulfill(response=answer, body=json.dumps(body))

    page.route("**/api/hotwords/**", poison)
    page.get_by_role("button", name="热词", exact=True).click()
    panel = page.locator(".hw-panel")
    expect(panel.locator(".pn-nav")).to_contain_text(ATTACKS[0])
    expect(panel.locator(".hw-card-word")).to_have_value(ATTACK)
    unbroken(page)
    panel.get_by_role("button", name="文本", exact=True).click()
    expect(panel.locator(".hw-text")).to_have_value(f"{ATTACK}\n")
    expect(panel.locator(".hw-problem")).to_be_visible()
    unbroken(page)
