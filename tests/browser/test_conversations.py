"""Everything that was said before is within reach, on a desktop and on a phone, and two pages follow each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone
from tests.browser.running_app import RunningApp

OpenChat = Callable[..., ChatPage]
Voice = Callable[[str], Path]

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app in which nobody has said anything yet."""
    running = RunningApp(tmp_path_factory.mktemp("conversations"))
    running.start()
    yield running
    running.stop()


def thread(chat: ChatPage, title: str) -> Locator:
    return chat.page.locator(".ts-thread", has=chat.page.locator(".ts-thread-title", has_text=title))


def choose(chat: ChatPage, title: str, item: str) -> None:
    thread(chat, title).locator(".ts-thread-open").click(button="right")
    chat.page.get_by_role("menuitem", name=item).click()


def test_conversations_are_searched_opened_named_pinned_and_deleted_with_a_way_back(chat: ChatPage) -> None:
    page = chat.page
    chat.type("我的膝盖疼")
    page.locator(".ts-new").click()
    expect(chat.mine).to_have_count(0)
    chat.type("我要订明天的餐厅")
    expect(page.locator(".ts-thread-title")).to_have_text(["我要订明天的餐厅", "我的膝盖疼"])

    page.get_by_placeholder("搜索聊天记录").fill("膝盖")
    expect(page.locator(".ts-thread-title")).to_have_text(["我的膝盖疼"])
    expect(page.locator(".ts-hit mark").first).to_have_text("膝盖")
    page.locator(".ts-hit", has_text="我的膝盖疼").click()
    expect(chat.mine.first).to_contain_text("我的膝盖疼")
    expect(chat.mine.first).to_have_class(re.compile("ts-pointed"))
    page.get_by_placeholder("搜索聊天记录").fill("")

    choose(chat, "膝盖", "重命名")
    page.get_by_role("textbox", name="会话的名字").fill("<b>骨科</b>")
    page.keyboard.press("Enter")
    expect(thread(chat, "<b>骨科</b>")).to_be_visible()
    choose(chat, "骨科", "置顶")
    expect(page.locator(".ts-thread-title").first).to_have_text("<b>骨科</b>")
    with page.expect_download() as download:
        choose(chat, "骨科", "导出 Markdown")
    assert "我的膝盖疼" in Path(download.value.path()).read_text("utf-8")

    choose(chat, "骨科", "删除")
    expect(page.locator(".ts-thread-title")).to_have_text(["我要订明天的餐厅"])
    expect(chat.mine.first).to_contain_text("餐厅")
    page.get_by_role("button", name="撤销").click()
    expect(chat.mine.first).to_contain_text("我的膝盖疼")
    expect(page.locator(".ts-thread-title")).to_have_count(2)


def test_two_pages_follow_each_other_and_a_message_deleted_in_one_goes_in_the_other(chat: ChatPage) -> None:
    chat.type("我要挂号")
    other = ChatPage(chat.page.context.new_page())
    other.page.goto(chat.page.url)
    other.wait_until_ready()
    expect(other.mine).to_have_count(1)

    other.type("骨科")
    expect(chat.mine).to_have_count(2)
    expect(chat.bots).to_have_count(other.bots.count())
    other.mine.first.locator(".ts-bubble").click(button="right")
    other.page.get_by_role("menuitem", name="删除").click()

    expect(other.mine).to_have_count(1)
    expect(chat.mine).to_have_count(1)


def test_a_message_that_comes_while_one_reads_further_up_is_told_of_and_does_not_pull_down(
    open_chat: OpenChat, app: RunningApp
) -> None:
    chat = open_chat(viewport={"width": 390, "height": 460})
    chat.type("我要挂号")
    chat.type("你能做什么")
    other = ChatPage(chat.page.context.new_page())
    other.page.goto(app.url)
    other.wait_until_ready()
    chat.page.locator(".ts-timeline").evaluate("(node) => node.scrollTo(0, 0)")
    expect(chat.page.locator(".ts-down")).to_be_hidden()

    other.page.evaluate(
        """async () => {
            const id = localStorage.getItem("tingshuo.conversation");
            const body = JSON.stringify({ text: "骨科" });
            const headers = { "Content-Type": "application/json" };
            await (await fetch(`api/conversations/${id}/messages`, { method: "POST", headers, body })).text();
        }"""
    )

    down = chat.page.locator(".ts-down")
    expect(down).to_be_visible()
    expect(down).to_contain_text("新消息")
    assert chat.page.locator(".ts-timeline").evaluate("(node) => node.scrollTop") < 5
    down.click()
    expect(down).to_be_hidden()


def test_on_a_phone_everything_is_within_reach_of_a_thumb_and_back_closes_it(open_chat: OpenChat) -> None:
    chat = open_chat(viewport=PHONE, has_touch=True, is_mobile=True)
    page = chat.page
    chat.type("我要挂号")
    expect(page.locator(".ts-examples")).to_be_hidden()

    opened: dict[str, Locator] = {
        "会话": page.locator(".ts-side"),
        "转写录音文件": page.locator(".ts-file"),
        "示例录音": page.locator(".ts-example-list"),
        "热词": page.locator(".hw-panel"),
        "语言模型": page.locator(".lm-panel"),
        "设置": page.locator(".ts-sheet", has_text="外观"),
    }
    for name, view in opened.items():
        if name == "会话":
            page.get_by_role("button", name="会话", exact=True).click()
        else:
            chat.more(name)
        expect(view).to_be_visible()
        page.go_back()
        expect(view).to_be_hidden()
        page.wait_for_timeout(100)
    page.get_by_role("button", name="更多功能").click()
    small = page.evaluate(
        """() => [...document.querySelectorAll('.ts-header button, .ts-composer button, .ts-tray button, .ts-chip')]
            .filter((node) => node.checkVisibility())
            .map((node) => [node.className, node.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44)
            .map(([name]) => name)"""
    )
    assert small == []


def test_sliding_up_and_right_shows_the_text_which_can_be_changed_and_sent(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    x, y = chat.press_talk()
    chat.wait_for_recording()
    chat.page.wait_for_timeout(microphone.seconds * 1000 + 200)
    chat.page.mouse.move(x + 260, y - 250, steps=4)
    expect(chat.card).to_contain_text("先看文字")
    chat.page.mouse.up()

    field = chat.page.get_by_role("textbox", name="要发送的文字")
    expect(field).to_have_value("明天上午。", timeout=RECOGNITION_MS)
    expect(chat.mine).to_have_count(0)
    field.fill("后天上午")
    message = chat.answered_after(chat.page.get_by_role("button", name="发送文字").click)
    expect(message.locator(".ts-bubble")).to_have_text("后天上午")


def test_what_is_chosen_in_the_settings_holds_over_a_reload(
    chat: ChatPage, microphone: Microphone, voice: Voice
) -> None:
    page = chat.page
    chat.more("设置")
    page.get_by_label("深浅").select_option("dark")
    page.get_by_label("文字大小").select_option("130")
    page.get_by_label("说话按钮").select_option("tap")
    page.get_by_role("switch", name="在语音下方显示文字").click()
    chat.reload()

    colour = page.locator(".ts-app").evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert colour == "rgb(17, 17, 17)"
    assert page.locator(".ts-list").evaluate("(node) => getComputedStyle(node).zoom") == "1.3"
    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    expect(chat.talk).to_have_text("点按 说话")
    chat.talk.click()
    chat.wait_for_recording()
    page.wait_for_timeout(microphone.seconds * 1000)
    message = chat.answered_after(chat.card.get_by_role("button", name="发送").click)
    expect(chat.transcript(message)).to_be_hidden()
    message.locator(".ts-voice").click(button="right")
    page.get_by_role("menuitem", name="转文字").click()
    expect(chat.transcript(message)).to_have_text("明天上午。")
