"""What is said appears while it is said, and is not lost when the server goes away in the middle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone
from tests.browser.running_app import RunningApp

OpenChat = Callable[..., ChatPage]
Voice = Callable[[str], Path]


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[RunningApp]:
    """An app that the test may stop."""
    running = RunningApp(tmp_path)
    running.start()
    yield running
    running.stop()


def test_words_appear_on_the_card_before_the_button_is_let_go_and_the_message_has_them_after(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    uploads: list[str] = []
    chat.page.on("request", lambda request: uploads.append(request.url) if request.method == "POST" else None)
    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))

    chat.press_talk()
    expect(chat.card.locator(".ts-partial")).to_contain_text("明天上午", timeout=RECOGNITION_MS)
    expect(chat.card.locator(".ts-stable")).to_contain_text("明天", timeout=RECOGNITION_MS)
    expect(chat.mine).to_have_count(0)
    message = chat.answered_after(chat.page.mouse.up)

    expect(chat.transcript(message)).to_have_text(re.compile("^明天上午"))
    assert uploads == [], "the recording was sent a second time"
    chat.reload()
    expect(chat.mine).to_have_count(1)


def test_the_card_is_empty_again_at_the_next_press(chat: ChatPage, microphone: Microphone, voice: Voice) -> None:
    chat.speak(microphone, voice("book-when"))
    chat.press_talk()
    expect(chat.card.locator(".ts-partial")).to_be_empty()
    chat.page.keyboard.press("Escape")
    chat.page.mouse.up()


def test_a_server_killed_in_mid_utterance_leaves_the_recording_which_is_recognised_after_reconnecting(
    open_chat: OpenChat, own_app: RunningApp, microphone: Microphone, voice: Voice
) -> None:
    chat = open_chat(own_app.url)
    microphone.hears(voice("book-when"))
    chat.press_talk()
    expect(chat.card.locator(".ts-partial")).to_contain_text("明天", timeout=RECOGNITION_MS)
    own_app.stop()
    chat.page.wait_for_timeout(1_000)

    chat.page.mouse.up()
    message = chat.mine.first
    expect(message).to_have_attribute("data-status", "failed")
    message.locator(".ts-voice").click()
    expect(message.locator(".ts-voice")).to_have_attribute("aria-pressed", "true")

    own_app.start()
    expect(message).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    expect(chat.transcript(message)).to_have_text(re.compile("^明天上午"))
    expect(chat.banner).to_have_count(0)


def test_hands_free_sends_what_is_said_and_goes_on_listening(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    toggle = chat.page.get_by_role("button", name="免提")

    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(chat.mine.first).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    expect(chat.transcript(chat.mine.first)).to_have_text(re.compile("^明天上午"))
    expect(chat.bots.nth(1)).to_be_visible()
    expect(chat.page.locator(".ts-listening")).to_be_visible()

    toggle.click()
    expect(chat.page.locator(".ts-listening")).to_be_hidden()
    expect(chat.mine).to_have_count(1)


def test_talking_stops_a_message_that_is_being_played(chat: ChatPage, microphone: Microphone, voice: Voice) -> None:
    message = chat.speak(microphone, voice("book-when"))
    play = message.locator(".ts-voice")
    chat.let_go_of_microphone()
    microphone.hears(voice("book-phone"))
    chat.page.get_by_role("button", name="免提").click()
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    expect(play).to_have_attribute("aria-pressed", "false")
    chat.page.get_by_role("button", name="免提").click()
