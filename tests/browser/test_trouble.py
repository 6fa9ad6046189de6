"""When something is wrong the page says what, and nothing that was said is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone
from tests.browser.conftest import INSECURE_HOST
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


def test_a_file_that_is_not_audio_is_refused_with_a_reason_and_not_left_in_the_chat(
    chat: ChatPage, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("this is a text <b>file</b>")

    chat.upload(broken)

    expect(chat.toast).to_contain_text("不是音频文件", timeout=RECOGNITION_MS)
    expect(chat.mine).to_have_count(0)
    chat.reload()
    expect(chat.mine).to_have_count(0)


def test_silence_is_answered_with_a_reason_instead_of_words(chat: ChatPage, microphone: Microphone) -> None:
    microphone.silence()
    chat.press_talk()
    chat.wait_for_recording()
    chat.page.wait_for_timeout(1_000)
    chat.page.mouse.up()

    expect(chat.mine.first).to_have_attribute("data-status", "failed", timeout=RECOGNITION_MS)
    expect(chat.mine.first.locator(".ts-reason")).not_to_be_empty()
    expect(chat.mine.first.locator(".ts-transcript")).to_have_count(0)
    chat.mine.first.get_by_role("button", name="再说一遍").click()
    expect(chat.mine).to_have_count(0)
    expect(chat.talk).to_be_focused()


def test_a_file_too_large_for_a_message_becomes_a_transcript_with_its_own_reason(
    chat: ChatPage, tmp_path: Path
) -> None:
    too_large = tmp_path / "large.wav"
    with too_large.open("wb") as file:
        file.truncate(51 * 2**20)  # zeros: no audio file either

    chat.upload(too_large)

    view = chat.page.locator("dialog.ts-file")
    expect(view.locator(".ts-file-name")).to_have_text("large.wav")
    expect(view.locator(".ts-file-state.ts-file-failed")).not_to_be_empty(timeout=RECOGNITION_MS)
    expect(chat.mine).to_have_count(0)


def test_a_denied_microphone_is_explained(open_chat: OpenChat) -> None:
    chat = open_chat(microphone=False)

    chat.press_talk()
    expect(chat.banner).to_contain_text("麦克风权限被拒绝")
    chat.page.mouse.up()

    expect(chat.mine).to_have_count(0)
    chat.type("我要挂号")


def test_an_insecure_address_is_explained(open_chat: OpenChat, app: RunningApp) -> None:
    chat = open_chat(f"http://{INSECURE_HOST}:{app.port}/", microphone=False)

    expect(chat.banner).to_contain_text("https")
    chat.send_example()


def test_a_missing_microphone_is_explained(browser_type: BrowserType, app: RunningApp) -> None:
    bare = browser_type.launch(
        executable_path="/usr/bin/chromium", args=["--no-sandbox", "--use-fake-ui-for-media-stream"]
    )
    chat = ChatPage(bare.new_context(locale="zh-CN").new_page())
    chat.page.goto(app.url)
    chat.wait_until_ready()

    chat.press_talk()

    expect(chat.banner).to_contain_text("没有找到麦克风")
    bare.close()


def test_a_recording_made_while_the_server_is_away_is_kept_and_sent_when_it_is_back(
    open_chat: OpenChat, own_app: RunningApp, microphone: Microphone, voice: Voice
) -> None:
    chat = open_chat(own_app.url)
    microphone.hears(voice("book-when"))
    chat.press_talk()
    chat.wait_for_recording()
    chat.page.wait_for_timeout(microphone.seconds * 1000)
    own_app.stop()

    chat.page.mouse.up()
    message = chat.mine.first
    expect(message).to_have_attribute("data-status", "failed")
    expect(message.locator(".ts-reason")).to_contain_text("连接不上服务器")
    expect(chat.banner).to_contain_text("连接不上服务器")
    message.locator(".ts-voice").click()
    expect(message.locator(".ts-voice")).to_have_attribute("aria-pressed", "true")

    own_app.start()
    chat.reload()  # the recording outlives the page, too

    expect(message).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
    expect(chat.transcript(message)).to_have_text("明天上午。")
    expect(chat.banner).to_have_count(0)
    chat.reload()
    expect(chat.mine).to_have_count(1)


def test_a_page_opened_while_the_server_is_away_waits_for_it(open_chat: OpenChat, own_app: RunningApp) -> None:
    chat = open_chat(own_app.url)
    chat.type("我要挂号")
    chat.page.route("**/api/**", lambda route: route.abort())
    chat.page.reload()
    expect(chat.banner).to_contain_text("正在重新连接")

    chat.page.unroute("**/api/**")

    chat.wait_until_ready()
    expect(chat.mine).to_have_count(1)
    expect(chat.banner).to_have_count(0)


def test_a_conversation_the_server_has_forgotten_does_not_lose_the_message(chat: ChatPage) -> None:
    forgotten = {"error": {"code": "conversation_unknown", "message": "?"}}
    chat.page.route("**/api/conversations/*/messages", lambda route: route.fulfill(status=404, json=forgotten), times=1)
    chat.page.get_by_role("button", name="切换到键盘").click()
    chat.page.locator(".ts-field").fill("我要挂号")
    chat.page.locator(".ts-field").press("Enter")

    message = chat.mine.first
    expect(message).to_have_attribute("data-status", "failed")
    message.locator(".ts-retry").click()

    expect(message).to_have_attribute("data-status", "done")
    expect(message.locator(".ts-bubble")).to_have_text("我要挂号")
