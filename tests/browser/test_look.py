"""The page at the sizes, colours and languages people have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

OpenChat = Callable[..., ChatPage]

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 812}
NARROWEST = {"width": 320, "height": 568}


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "light"), (PHONE, "dark"), (NARROWEST, "dark")]
)
def test_nothing_is_wider_than_the_window(
    open_chat: OpenChat, tmp_path: Path, viewport: dict[str, int], scheme: str
) -> None:
    chat = open_chat(viewport=viewport, color_scheme=scheme)
    chat.type("我肚子疼，想看医生" + "很" * 60 + "a" * 80)

    chat.page.screenshot(path=tmp_path / "page.png")

    assert chat.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    wider = "[...document.querySelectorAll('.ts-message, .ts-bubble, .ts-composer, .ts-chip')]"
    assert chat.page.evaluate(f"{wider}.every((node) => node.getBoundingClientRect().right <= innerWidth)")
    for button in (chat.talk, chat.page.locator(".ts-composer .ts-tool").first):
        if button.is_visible():
            box = button.bounding_box()
            assert box
            assert box["y"] + box["height"] <= viewport["height"]


def test_dark_mode_is_dark(open_chat: OpenChat) -> None:
    colour = "(selector) => getComputedStyle(document.querySelector(selector)).backgroundColor"
    chat = open_chat(color_scheme="dark")

    assert chat.page.evaluate(colour, ".ts-app") == "rgb(17, 17, 17)"
    assert chat.page.evaluate(colour, ".ts-bot .ts-bubble") == "rgb(44, 44, 44)"


def test_user_bubbles_are_green_on_the_right_and_the_bots_white_on_the_left(chat: ChatPage) -> None:
    colour = "(node) => getComputedStyle(node).backgroundColor"
    mine = chat.type("我要挂号").locator(".ts-bubble")
    bots = chat.bots.first.locator(".ts-bubble")
    boxes = mine.bounding_box(), bots.bounding_box()

    assert mine.evaluate(colour) == "rgb(149, 236, 105)"
    assert bots.evaluate(colour) == "rgb(255, 255, 255)"
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] > boxes[1]["x"]


@pytest.mark.parametrize(
    ("locale", "talk", "title"),
    [
        ("zh-CN", "按住 说话", "听说 Tingshuo"),
        ("en-US", "Hold to talk", "Tingshuo 听说: talk to it in Chinese"),
        ("fr-FR", "按住 说话", "听说 Tingshuo"),
    ],
)
def test_the_language_is_the_browsers_and_chinese_when_it_is_neither(
    open_chat: OpenChat, locale: str, talk: str, title: str
) -> None:
    chat = open_chat(locale=locale)

    expect(chat.talk).to_have_text(talk)
    expect(chat.page).to_have_title(title)


def test_the_servers_reasons_come_in_the_browsers_language(open_chat: OpenChat, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("not audio")
    chat = open_chat(locale="en-GB")

    chat.upload(broken)

    expect(chat.toast).to_contain_text("audio")


def test_gradio_shows_none_of_its_own_furniture(chat: ChatPage) -> None:
    assert chat.page.get_by_text("Gradio").count() == 0
    expect(chat.page.locator("footer:not(.ts-composer)")).to_have_count(0)


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(chat: ChatPage) -> None:
    names = chat.page.evaluate(
        """() => [...document.querySelectorAll('.ts-app button, .ts-app textarea')]
            .filter((node) => node.offsetParent)
            .map((node) => node.getAttribute('aria-label') || node.textContent.trim())"""
    )
    assert all(names)

    reached = set()
    for _ in range(20):
        chat.page.keyboard.press("Tab")
        reached.add(chat.page.evaluate("document.activeElement.className"))

    assert {"ts-tool ts-new", "ts-example", "ts-talk", "ts-chip"} <= reached


def test_new_messages_are_read_out(chat: ChatPage) -> None:
    expect(chat.page.locator("[role=log]")).to_have_attribute("aria-live", "polite")
