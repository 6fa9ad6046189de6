"""Hold the button, speak, let go: by mouse, finger and space bar."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone

Voice = Callable[[str], Path]


def test_a_spoken_message_becomes_a_voice_bubble_with_its_text_and_is_answered(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    message = chat.speak(microphone, voice("book-when"))

    expect(message.locator(".ts-voice .ts-seconds")).to_have_text(re.compile(r"^[2-6]″$"))
    expect(chat.transcript(message)).to_have_text("明天上午。")
    assert "明天" in chat.last_answer()
    assert "哪个科" in chat.last_answer()


def test_the_space_bar_talks_when_no_text_field_has_the_focus(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    microphone.hears(voice("book-when"))

    chat.page.keyboard.down("Space")
    chat.wait_for_recording()
    chat.page.wait_for_timeout(microphone.seconds * 1000)
    message = chat.answered_after(lambda: chat.page.keyboard.up("Space"))

    expect(message).to_have_attribute("data-kind", "voice")


def test_the_space_bar_writes_a_space_in_a_text_field(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="切换到键盘").click()

    chat.page.keyboard.type("a b")

    expect(chat.page.locator(".ts-field")).to_have_value("a b")
    expect(chat.card).not_to_have_class(re.compile("ts-shown"))


def test_sliding_up_cancels(chat: ChatPage) -> None:
    x, y = chat.press_talk()
    chat.wait_for_recording()
    chat.page.wait_for_timeout(700)

    chat.page.mouse.move(x, y - 250, steps=4)
    expect(chat.card).to_have_class(re.compile("ts-cancelling"))
    expect(chat.card).to_contain_text("松开手指，取消发送")
    chat.page.mouse.up()

    expect(chat.card).not_to_have_class(re.compile("ts-shown"))
    expect(chat.toast).to_contain_text("已取消")
    expect(chat.mine).to_have_count(0)


def test_sliding_back_down_sends_after_all(chat: ChatPage, microphone: Microphone, voice: Voice) -> None:
    microphone.hears(voice("book-when"))
    x, y = chat.press_talk()
    chat.wait_for_recording()
    chat.page.mouse.move(x, y - 250, steps=4)
    chat.page.wait_for_timeout(microphone.seconds * 1000)

    chat.page.mouse.move(x, y, steps=4)
    message = chat.answered_after(chat.page.mouse.up)

    expect(message).to_have_attribute("data-kind", "voice")


def test_escape_cancels(chat: ChatPage) -> None:
    chat.page.keyboard.down("Space")
    chat.wait_for_recording()

    chat.page.keyboard.press("Escape")
    chat.page.keyboard.up("Space")

    expect(chat.toast).to_contain_text("已取消")
    expect(chat.mine).to_have_count(0)


def test_a_finger_can_hold_and_slide_up(open_chat: Callable[..., ChatPage]) -> None:
    chat = open_chat(viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True)
    box = chat.talk.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = chat.page.context.new_cdp_session(chat.page)

    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    chat.wait_for_recording()
    for step in range(1, 6):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 50 * step}]})
    expect(chat.card).to_have_class(re.compile("ts-cancelling"))
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    expect(chat.toast).to_contain_text("已取消")
    expect(chat.mine).to_have_count(0)


def test_a_tap_is_too_short(chat: ChatPage) -> None:
    chat.talk.click()

    expect(chat.toast).to_contain_text("说话时间太短")
    expect(chat.mine).to_have_count(0)


def test_the_recording_ends_by_itself_after_a_countdown(chat: ChatPage, microphone: Microphone, voice: Voice) -> None:
    def four_seconds(route: Route) -> None:
        config = route.fetch().json()
        route.fulfill(body=json.dumps({**config, "max_record_seconds": 4}), content_type="application/json")

    chat.page.route("**/api/config", four_seconds)
    chat.reload()
    microphone.hears(voice("book-when"))

    chat.press_talk()
    chat.wait_for_recording()
    expect(chat.card).to_contain_text("还可以说")
    expect(chat.mine).to_have_count(1)
    chat.page.mouse.up()

    expect(chat.mine.first).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)


def test_the_level_meter_follows_the_voice(chat: ChatPage, microphone: Microphone, voice: Voice) -> None:
    heights = (
        "[...document.querySelectorAll('.ts-meter i')].map((bar) => new DOMMatrix(getComputedStyle(bar).transform).d)"
    )
    microphone.hears(voice("book-phone"))

    chat.press_talk()
    chat.wait_for_recording()
    chat.page.wait_for_function(f"Math.max(...{heights}) > 0.4")
    chat.page.mouse.up()


def test_the_microphone_is_let_go_when_nobody_speaks(chat: ChatPage) -> None:
    chat.page.evaluate(
        """() => {
            const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => (window.heardStream = await open(wanted));
        }"""
    )

    chat.press_talk()
    chat.wait_for_recording()
    chat.page.mouse.up()

    chat.page.wait_for_function("heardStream.getTracks().every((track) => track.readyState === 'ended')")
