"""What is in the chat stays there, plays, and is only ever text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage


def test_an_example_is_sent_with_one_click(chat: ChatPage) -> None:
    example = chat.page.get_by_role("button", name="发送示例录音：后天下午")

    message = chat.answered_after(example.click)

    expect(chat.transcript(message)).to_have_text("后天下午。")


def test_every_example_is_understood_by_the_bot(chat: ChatPage) -> None:
    examples = chat.page.locator(".ts-examples .ts-example")
    expect(examples).not_to_have_count(0)

    for i in range(examples.count()):
        chat.send_example(i)

    # Of the two departments and two days that the examples name, the last ones hold.
    assert "哪个科" not in chat.last_answer()
    assert "哪天" not in chat.last_answer()


def test_reloading_brings_the_history_back(chat: ChatPage, voice: Callable[[str], Path]) -> None:
    chat.type("我想挂骨科")
    chat.upload(voice("book-when"))
    expect(chat.mine.nth(1)).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    chat.settle()
    before = chat.messages.all_inner_texts()

    chat.reload()

    expect(chat.messages).to_have_count(len(before))
    assert chat.messages.all_inner_texts() == before


def test_a_recording_can_be_heard_again_after_a_reload(chat: ChatPage) -> None:
    chat.send_example()
    chat.reload()
    bubble = chat.mine.first.locator(".ts-voice")

    bubble.click()

    expect(bubble).to_have_class(re.compile("ts-playing"))
    expect(bubble).not_to_have_class(re.compile("ts-playing"), timeout=10_000)


def test_one_recording_plays_at_a_time(chat: ChatPage) -> None:
    for i in range(2):
        chat.send_example(i)
    first, second = chat.page.locator(".ts-voice").all()

    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    second.click()

    expect(second).to_have_attribute("aria-pressed", "true")
    expect(first).to_have_attribute("aria-pressed", "false")
    second.click()
    expect(second).to_have_attribute("aria-pressed", "false")


def test_a_longer_recording_has_a_wider_bubble(chat: ChatPage, voice: Callable[[str], Path]) -> None:
    chat.upload(voice("book-yes"))
    expect(chat.mine.nth(0)).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    chat.upload(voice("book-phone"))
    expect(chat.mine.nth(1)).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    boxes = [bubble.bounding_box() for bubble in chat.page.locator(".ts-voice").all()]

    assert boxes[0]
    assert boxes[1]
    assert boxes[1]["width"] > boxes[0]["width"] + 15


def test_markup_is_shown_as_text(chat: ChatPage) -> None:
    attacks = [
        "<img src=x onerror='window.attacked=1'>",
        "<script>window.attacked=1</script>",
        "<b>粗体</b> {{value}} ${value} [链接](javascript:window.attacked=1)",
    ]

    for attack in attacks:
        expect(chat.type(attack).locator(".ts-bubble")).to_have_text(attack)

    chat.reload()
    for i, attack in enumerate(attacks):
        expect(chat.mine.nth(i).locator(".ts-bubble")).to_have_text(attack)
    assert chat.page.locator(".ts-list :is(img, script, b, a)").count() == 0
    assert chat.page.evaluate("window.attacked") is None


def test_enter_that_chooses_a_word_of_an_input_method_does_not_send(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="切换到键盘").click()
    field = chat.page.locator(".ts-field")
    field.fill("gua hao")

    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    field.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})

    expect(chat.mine).to_have_count(0)
    expect(field).to_have_value("gua hao")


def test_a_web_address_is_a_link_that_says_nothing_of_where_it_was(chat: ChatPage) -> None:
    message = chat.type("看https://example.org/a?b=1&c=2，谢谢")

    link = message.locator("a")
    expect(link).to_have_attribute("href", "https://example.org/a?b=1&c=2")
    expect(link).to_have_attribute("rel", re.compile("noopener.*noreferrer"))
    expect(message.locator(".ts-bubble")).to_have_text("看https://example.org/a?b=1&c=2，谢谢")


def test_a_dropped_recording_is_sent(chat: ChatPage, voice: Callable[[str], Path]) -> None:
    recording = list(voice("book-when").read_bytes())
    transfer = chat.page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.wav", { type: "audio/wav" }));
            return transfer;
        }""",
        recording,
    )
    target = chat.page.locator(".ts-app")

    target.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(chat.page.locator(".ts-drop")).to_be_visible()
    message = chat.answered_after(lambda: target.dispatch_event("drop", {"dataTransfer": transfer}))

    expect(chat.transcript(message)).to_have_text("明天上午。")
    expect(chat.page.locator(".ts-drop")).to_be_hidden()
