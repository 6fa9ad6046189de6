"""The hotword panel in a person's hands: what is changed there is heard in the next message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage, Microphone

Voice = Callable[[str], Path]


class Panel:
    """The panel in the hands of a person."""

    def __init__(self, chat: ChatPage) -> None:
        self.page: Page = chat.page
        self.node = self.page.locator(".hw-panel")
        self.rows = self.node.locator(".hw-rows .hw-row")
        self.status = self.node.locator(".hw-status")
        self.text = self.node.locator(".hw-text")
        self.problems = self.node.locator(".hw-problem")

    def open(self) -> None:
        self.page.get_by_role("button", name="热词", exact=True).click()
        expect(self.status).to_have_text("已保存")

    def close(self) -> None:
        self.node.get_by_role("button", name="关闭").click()
        expect(self.node).not_to_be_visible()

    def add(self, line: str) -> None:
        count = self.rows.count()
        self.node.locator(".hw-add-field").fill(line)
        self.page.keyboard.press("Enter")
        expect(self.rows).to_have_count(count + 1)
        expect(self.status).to_have_text("已保存")

    def show(self, name: str) -> None:
        self.node.locator(".pn-nav").get_by_role("button", name=name).click()

    def view(self, name: str) -> None:
        self.node.get_by_role("button", name=name, exact=True).click()

    def words(self) -> list[str]:
        return [row.locator(".hw-word").input_value() for row in self.rows.all()]


@pytest.fixture
def panel(chat: ChatPage) -> Panel:
    """The panel with an empty global list: all tests of a session share one app and its lists."""
    chat.page.evaluate(
        """async () => {
             await fetch("api/hotwords", {method: "DELETE"});
             const {lists} = await (await fetch("api/hotwords/lists")).json();
             for (const {id} of lists.slice(1)) await fetch(`api/hotwords/lists/${id}`, {method: "DELETE"});
           }"""
    )
    return Panel(chat)


def send(chat: ChatPage, recording: Path) -> Locator:
    return chat.answered_after(lambda: chat.upload(recording))


def test_a_word_added_in_the_panel_is_heard_in_the_next_upload_and_while_one_speaks(
    chat: ChatPage, panel: Panel, voice: Voice, microphone: Microphone
) -> None:
    wrong = "明天上五"  # what nobody says: its effect cannot be overlooked
    expect(chat.transcript(send(chat, voice("book-when")))).to_contain_text("明天上午")
    panel.open()
    panel.add(f"{wrong} 100")
    panel.close()

    expect(chat.transcript(send(chat, voice("book-when")))).to_contain_text(wrong)

    chat.let_go_of_microphone()
    microphone.hears(voice("book-when"))
    chat.press_talk()
    expect(chat.card.locator(".ts-partial")).to_contain_text(wrong, timeout=RECOGNITION_MS)
    expect(chat.transcript(chat.answered_after(chat.page.mouse.up))).to_contain_text(wrong)


def test_words_are_changed_weighed_undone_and_deleted_in_the_table(panel: Panel) -> None:
    panel.open()
    panel.add("寻腔")
    panel.add("进境")
    first = panel.rows.first
    first.locator(".hw-aliases").fill("寻枪、循腔")
    first.locator(".hw-aliases").press("Enter")
    expect(first).to_have_attribute("data-key", "寻腔 | 寻枪 | 循腔")
    slider = panel.rows.first.locator(".hw-slider")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    expect(first.locator(".hw-number")).to_have_text("23")
    expect(first).to_have_attribute("data-key", "寻腔 23 | 寻枪 | 循腔")
    panel.rows.nth(1).get_by_role("button", name="删除“进境”").click()
    expect(panel.rows).to_have_count(1)

    panel.view("文本")
    expect(panel.text).to_have_value("寻腔 23 | 寻枪 | 循腔\n")
    panel.view("撤销")
    expect(panel.text).to_have_value("寻腔 23 | 寻枪 | 循腔\n进境\n")
    panel.view("恢复")
    expect(panel.text).to_have_value("寻腔 23 | 寻枪 | 循腔\n")


def test_mistakes_are_named_while_one_writes_and_nothing_wrong_is_saved(panel: Panel) -> None:
    panel.open()
    panel.add("寻腔")
    panel.view("文本")
    panel.text.fill("寻腔\n进境20\n")
    expect(panel.problems).to_have_text(["第 2 行 第 3 字词和权重之间要有空格；数字要写成汉字"])
    expect(panel.status).to_have_text("有 1 处错误，改好后自动保存")

    panel.problems.first.click()
    assert panel.text.evaluate("field => [field.selectionStart, field.selectionEnd]") == [5, 6]
    panel.text.fill("# 肠镜\n寻腔\n进境 20\n")

    expect(panel.status).to_have_text("已保存")
    panel.view("表格")
    assert panel.words() == ["寻腔", "进境"]
    panel.node.locator(".hw-add-field").fill("阿里巴巴20")
    expect(panel.node.locator(".hw-add .pn-row-error")).to_contain_text("要有空格")


def test_a_list_comes_back_from_its_file_as_it_was(panel: Panel, tmp_path: Path) -> None:
    written = "# 肠镜报告\n寻腔 40 | 寻枪 ~~~ 寻枪支\n进境  # 常错\n"
    source = tmp_path / "words.txt"
    source.write_text(written, encoding="utf-8")
    panel.open()
    panel.page.set_input_files(".hw-editor input[type=file]", source)
    expect(panel.rows).to_have_count(2)

    with panel.page.expect_download() as waiting:
        panel.node.get_by_role("button", name="导出").click()
    download: Download = waiting.value
    assert download.suggested_filename == "全局.txt"
    assert Path(download.path()).read_text("utf-8") == written

    panel.node.get_by_role("button", name="删除列表").click()
    panel.page.get_by_role("button", name="清空全局列表").click()
    expect(panel.rows).to_have_count(0)
    panel.page.set_input_files(".hw-editor input[type=file]", Path(download.path()))
    expect(panel.rows).to_have_count(2)
    panel.view("文本")
    expect(panel.text).to_have_value(written)


def test_a_dropped_file_is_a_list_and_no_recording(chat: ChatPage, panel: Panel) -> None:
    panel.open()
    dropped = chat.page.evaluate_handle(
        """() => { const data = new DataTransfer();
                   data.items.add(new File(["寻腔\\n进境 30\\n"], "words.txt", {type: "text/plain"}));
                   return data; }"""
    )
    for event in ("dragenter", "dragover", "drop"):
        panel.node.dispatch_event(event, {"dataTransfer": dropped})
    expect(panel.rows).to_have_count(2)
    panel.close()
    expect(chat.mine).to_have_count(0)


def test_a_named_list_is_switched_for_one_conversation(chat: ChatPage, panel: Panel, voice: Voice) -> None:
    panel.open()
    panel.node.get_by_placeholder("新列表的名字").fill("病人")
    panel.page.keyboard.press("Enter")
    switch = panel.node.get_by_role("switch", name="在本会话使用“病人”")
    expect(switch).to_have_attribute("aria-checked", "true")
    panel.add("王筱铭 40")
    panel.close()
    expect(chat.transcript(send(chat, voice("book-name")))).to_contain_text("王筱铭")

    panel.open()
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    panel.close()

    expect(chat.transcript(send(chat, voice("book-name")))).not_to_contain_text("王筱铭")


def test_the_bots_words_can_be_looked_at_and_searched(panel: Panel) -> None:
    panel.open()
    panel.show("机器人的词")
    expect(panel.node.locator(".hw-name")).to_have_value("机器人的词")
    panel.node.get_by_role("searchbox", name="搜索").fill("消化")
    expect(panel.rows.first.locator(".hw-word")).to_have_value("消化内科")
    assert all("消化" in word for word in panel.words())
    expect(panel.rows.first.get_by_role("button")).not_to_be_visible()


def test_a_list_is_tried_on_a_message_before_and_after(chat: ChatPage, panel: Panel, voice: Voice) -> None:
    send(chat, voice("book-name"))
    panel.open()
    panel.add("王筱铭 40")
    panel.show("试一试")
    panel.node.get_by_role("radio").first.click()

    sides = panel.node.locator(".pn-side")
    expect(sides).to_have_count(2, timeout=RECOGNITION_MS)
    expect(sides.nth(0).locator(".pn-heard-text")).not_to_contain_text("王筱铭")
    expect(sides.nth(1).locator(".pn-heard-text")).to_contain_text("我叫王筱铭")
    expect(sides.nth(1).locator("ins").first).to_contain_text("铭")
    expect(sides.nth(1).locator(".pn-took")).to_contain_text("ms")
    expect(panel.node.locator(".hw-changes")).to_contain_text("王筱铭按读音")


def test_a_correction_is_answered_suggests_a_word_and_is_heard_the_next_time(
    chat: ChatPage, panel: Panel, voice: Voice
) -> None:
    message = send(chat, voice("book-name"))
    before = chat.bots.count()
    chat.page.get_by_role("button", name="改正文字").click()
    field = chat.page.get_by_role("textbox", name="改正文字")
    field.fill("我叫王筱铭")
    field.press("Enter")
    expect(chat.transcript(message)).to_have_text("我叫王筱铭")
    expect(message).to_contain_text("已更正")
    expect(chat.bots).to_have_count(before)
    chat.settle()

    panel.open()
    panel.show("更正带来的建议")
    card = panel.node.locator(".hw-card").first
    expect(card.locator(".hw-card-word")).to_have_value("王筱铭")
    card.get_by_role("button", name="加入热词").click()
    expect(panel.node.locator(".hw-card")).to_have_count(0)
    panel.close()

    expect(chat.transcript(send(chat, voice("book-name")))).to_contain_text("我叫王筱铭")
    chat.reload()
    expect(chat.transcript(chat.mine.first)).to_have_text("我叫王筱铭")
    expect(chat.mine.first).to_contain_text("已更正")


def test_markup_in_words_is_shown_as_text(panel: Panel) -> None:
    panel.open()
    panel.add("<img/onerror=a()>")
    expect(panel.rows.first.locator(".hw-word")).to_have_value("<img/onerror=a()>")
    panel.node.get_by_placeholder("新列表的名字").fill("<b>粗</b>")
    panel.page.keyboard.press("Enter")
    expect(panel.node.locator(".pn-item-title", has_text="<b>粗</b>")).to_be_visible()
    assert panel.node.locator("img, .pn-item b").count() == 0


def test_the_panel_fits_a_phone(open_chat: Callable[..., ChatPage]) -> None:
    chat = open_chat(viewport={"width": 360, "height": 700})
    panel = Panel(chat)
    panel.open()
    for name in ("表格", "文本"):
        panel.view(name)
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= 360
        box = panel.node.bounding_box()
        assert box
        assert (box["width"], box["height"]) == (360, 700)
    overflowing = panel.node.locator(".pn-main *").evaluate_all(
        "nodes => nodes.filter(node => node.getBoundingClientRect().right > innerWidth + 1).map(node => node.className)"
    )
    assert overflowing == []
