"""Keys, fingers, files and colours do what people expect of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone

OpenChat = Callable[..., ChatPage]
Voice = Callable[[str], Path]

PHONE = {"width": 390, "height": 844}


def transfer(page: Page, file: Path) -> object:
    """A file as it is dragged or pasted."""
    return page.evaluate_handle(
        """([bytes, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "audio/wav" }));
            return transfer;
        }""",
        [list(file.read_bytes()), file.name],
    )


def faults(chat: ChatPage) -> list[str]:
    found = Axe().run(chat.page).response["violations"]
    return [f"{fault['id']}: {[node['target'] for node in fault['nodes']]}" for fault in found]


def test_the_space_bar_talks_after_the_mouse_was_used_and_presses_what_was_reached_with_tab(chat: ChatPage) -> None:
    chat.send_example()
    sent = chat.mine.count()

    for control in (chat.page.locator(".ts-new"), chat.mine.first.locator(".ts-voice")):
        control.focus()
        control.hover()
        chat.page.mouse.down()
        chat.page.mouse.move(2, 2)
        chat.page.mouse.up()
        chat.page.keyboard.down("Space")
        chat.wait_for_recording()
        chat.page.keyboard.press("Escape")
        chat.page.keyboard.up("Space")
    expect(chat.mine).to_have_count(sent)

    chat.page.keyboard.press("Tab")
    chat.page.get_by_role("button", name="热词", exact=True).focus()
    chat.page.keyboard.press("Space")
    expect(chat.page.locator("dialog.hw-panel")).to_be_visible()
    chat.page.keyboard.press("Escape")


def test_enter_begins_a_recording_that_is_announced_and_the_next_one_sends_it(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    chat.talk.focus()

    chat.page.keyboard.press("Enter")
    chat.wait_for_recording()
    expect(chat.page.get_by_role("status").filter(has_text="正在录音")).to_have_count(1)
    expect(chat.card).to_contain_text("再点一下")
    chat.page.wait_for_timeout(microphone.seconds * 1000)
    message = chat.answered_after(lambda: chat.page.keyboard.press("Enter"))

    expect(message).to_have_attribute("data-kind", "voice")
    chat.page.locator(".ts-chip").first.click()
    assert chat.page.evaluate("document.activeElement.className") == "ts-talk", "the focus is lost after a quick reply"


def test_a_draft_and_the_keyboard_stay_over_a_reload_and_a_long_paste_is_kept_whole(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="切换到键盘").click()
    field = chat.page.locator(".ts-field")
    outline = "(node) => getComputedStyle(node).outlineStyle"
    chat.page.keyboard.press("Shift+Tab")
    chat.page.keyboard.press("Tab")
    assert field.evaluate(outline) != "none"

    field.fill("挂号" * 600)
    expect(chat.page.locator(".ts-over")).to_contain_text("超出 200 个字")
    field.press("Enter")
    expect(chat.mine).to_have_count(0)
    chat.reload()
    expect(field).to_have_value("挂号" * 600)
    field.fill("我要挂号")
    field.press("Enter")
    expect(chat.mine).to_have_count(1)
    expect(field).to_have_value("")


def test_a_file_pasted_is_sent_and_one_dropped_on_a_dialog_is_not(chat: ChatPage, voice: Voice) -> None:
    file = transfer(chat.page, voice("book-when"))
    chat.page.get_by_role("button", name="热词", exact=True).click()
    dialog = chat.page.locator("dialog.hw-panel")
    for event in ("dragenter", "dragover", "drop"):
        dialog.dispatch_event(event, {"dataTransfer": file})
    expect(chat.page.locator(".ts-drop")).to_be_hidden()
    dialog.get_by_role("button", name="关闭").click()
    expect(chat.mine).to_have_count(0)

    paste = "(node, data) => node.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"
    message = chat.answered_after(lambda: chat.page.locator(".ts-app").evaluate(paste, file))
    expect(chat.transcript(message)).to_have_text("明天上午。")


def test_the_enter_of_an_input_method_leaves_no_field(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="热词", exact=True).click()
    panel = chat.page.locator("dialog.hw-panel")
    panel.get_by_placeholder("新列表的名字").fill("内镜")
    panel.get_by_role("button", name="新建列表").click()
    expect(panel.get_by_label("列表的名字", exact=True)).to_have_value("内镜")
    panel.locator(".hw-add-field").fill("寻腔")
    panel.locator(".hw-add-field").press("Enter")
    expect(panel.locator(".hw-row .hw-word")).to_have_value("寻腔")
    expect(panel.locator(".hw-add-field")).to_have_value("")
    chat.page.wait_for_timeout(200)  # the field is focused once more when the word was taken
    fields = [
        panel.get_by_label("列表的名字", exact=True),
        panel.locator(".hw-row .hw-word"),
        panel.locator(".hw-row .hw-aliases"),
    ]

    for field in fields:
        field.focus()
        for sent in ({"isComposing": True}, {"keyCode": 229}):
            for key in ("Enter", "Escape"):
                field.dispatch_event("keydown", {"key": key, "bubbles": True, **sent})
        expect(field).to_be_focused()


def test_a_long_press_opens_the_menu_and_does_not_play(open_chat: OpenChat) -> None:
    chat = open_chat(viewport=PHONE, has_touch=True, is_mobile=True)
    message = chat.send_example()
    bubble = message.locator(".ts-voice")
    box = bubble.bounding_box()
    assert box
    touch = chat.page.context.new_cdp_session(chat.page)
    at = [{"x": box["x"] + 20, "y": box["y"] + 20}]

    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at})
    chat.page.wait_for_timeout(700)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    menu = chat.page.locator("dialog.ts-menu")
    expect(menu.get_by_role("menuitem", name="改正文字")).to_be_visible()
    expect(bubble).to_have_attribute("aria-pressed", "false")
    chat.page.go_back()
    expect(menu).to_have_count(0)
    bubble.tap()
    expect(bubble).to_have_attribute("aria-pressed", "true")


def test_hands_free_covers_no_quick_reply_and_a_cancelled_card_is_small(
    open_chat: OpenChat, microphone: Microphone, voice: Voice
) -> None:
    chat = open_chat(viewport=PHONE)
    chat.let_go_of_microphone()
    microphone.silence()
    chat.page.get_by_role("button", name="免提").click()
    bar = chat.page.locator(".ts-listening")
    expect(bar).to_be_visible()
    chat.replies.first.click(trial=True)
    assert (
        box(bar)["y"] >= box(chat.page.locator(".ts-timeline"))["y"] + box(chat.page.locator(".ts-timeline"))["height"]
    )
    chat.page.get_by_role("button", name="免提").click()

    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    x, y = chat.press_talk()
    expect(chat.card.locator(".ts-partial")).to_contain_text("明天", timeout=RECOGNITION_MS)
    chat.page.mouse.move(x, y - 250, steps=4)
    expect(chat.card).to_have_class(re.compile("ts-cancelling"))
    chat.page.wait_for_timeout(300)
    card = box(chat.card.locator(".ts-card-bubble"))
    assert card["width"] <= 120
    assert abs(card["x"] + card["width"] / 2 - PHONE["width"] / 2) < 2
    chat.page.mouse.up()


def box(node: Locator) -> dict[str, float]:
    found = node.bounding_box()
    assert found
    return dict(found)


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE},
        {"color_scheme": "dark"},
        {"forced_colors": "active"},
        {"viewport": {"width": 320, "height": 200}},  # 1280 x 800, magnified four times
        {"viewport": {"width": 820, "height": 1180}, "timezone_id": "America/New_York"},
    ],
    ids=["phone", "dark", "high-contrast", "magnified", "tablet"],
)
def test_nothing_is_in_the_way_of_people_who_see_differently(open_chat: OpenChat, options: dict[str, object]) -> None:
    chat = open_chat(**options)
    chat.type("我要挂号")
    timeline = box(chat.page.locator(".ts-timeline"))
    viewport = chat.page.viewport_size
    assert viewport
    icon = chat.page.locator(".ts-composer .ts-icon path").first

    assert faults(chat) == []
    assert timeline["height"] >= 90
    assert icon.evaluate("(path) => getComputedStyle(path).stroke") not in ("none", "rgba(0, 0, 0, 0)")
    if viewport["width"] == 820:
        assert box(chat.page.locator(".ts-app")) == {"x": 0, "y": 0, "width": 820, "height": 1180}
        expect(chat.page.locator(".ts-zone")).to_contain_text("GMT+8")
