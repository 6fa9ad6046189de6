"""The language panel in a person's hands: from pasted sentences to a model that hears otherwise, and back."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import RECOGNITION_MS, ChatPage

TRAINING_MS = 120_000  # how long a test waits for a training on a busy machine
GAMES = ("昨天晚上的球赛", "今天下午的球赛", "上个周末的球赛", "这一场球赛", "明天晚上的球赛")
ASKED = ("你看了吗", "谁赢了", "几点开始", "好看吗", "在哪里看")
SAID, GENERAL, FIELD = "昨天晚上的球赛你看了吗", "求在", "球赛"
SENTENCES = [game + asked for game, asked in product(GAMES, ASKED) if game + asked != SAID]
RECORDING = Path(__file__).parents[2] / "assets" / "check-set" / "audio" / "h100.ogg"


class Panel:
    """The panel in the hands of a person."""

    def __init__(self, chat: ChatPage) -> None:
        self.chat = chat
        self.page: Page = chat.page
        self.node = self.page.locator(".lm-panel")
        self.job = self.node.locator(".lm-job").first
        self.report = self.job.locator(".lm-job-body")
        self.now = self.node.locator(".lm-now")

    def open(self) -> None:
        self.chat.more("语言模型")
        expect(self.node).to_be_visible()

    def close(self) -> None:
        self.node.get_by_role("button", name="关闭").click()
        expect(self.node).not_to_be_visible()

    def view(self, name: str) -> None:
        self.node.locator(".pn-nav").get_by_role("button", name=name).click()

    def train(self, name: str, sentences: list[str]) -> None:
        self.view("语料与训练")
        self.node.get_by_label("名称", exact=True).fill(name)
        self.node.locator(".lm-text").first.fill("\n".join(sentences))
        self.node.get_by_role("button", name="开始训练").click()
        expect(self.job).to_contain_text(name)

    def ends(self, status: str) -> None:
        try:
            expect(self.job).not_to_have_attribute("data-status", re.compile("queued|running"), timeout=TRAINING_MS)
            expect(self.job).to_have_attribute("data-status", status)
        except AssertionError as error:
            error.add_note(self.job.inner_text())
            raise

    def figure(self, name: str) -> Locator:
        return self.report.locator(f"[data-figure={name}] dd")


@pytest.fixture
def panel(chat: ChatPage) -> Iterator[Panel]:
    """The panel; all tests of a session share one app, so what it publishes does not stay."""
    yield Panel(chat)
    chat.page.evaluate("fetch('api/lm/versions/0/publish', {method: 'POST'})")


@pytest.fixture
def check_set(tmp_path: Path, data_dir: Path) -> Path:
    """A zip of a few recordings with their texts: checking with the shipped ones takes longer."""
    speech = data_dir / "speech"
    kept = ("k000630", "k001180", "k002507")
    lines = (speech / "manifest.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = tmp_path / "三段录音.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.jsonl", "".join(line for line in lines if any(name in line for name in kept)))
        for name in kept:
            archive.write(speech / f"{name}.ogg", f"{name}.ogg")
    return path


def test_pasted_sentences_become_a_model_that_hears_them_and_are_taken_back(
    chat: ChatPage, panel: Panel, check_set: Path
) -> None:
    before = chat.answered_after(lambda: chat.upload(RECORDING))
    expect(chat.transcript(before)).to_contain_text(GENERAL)

    panel.open()
    expect(panel.now).to_contain_text("自带的模型")
    panel.view("语料与训练")
    panel.node.get_by_text("训练和检查的选项").click()
    panel.page.set_input_files(".lm-options input[type=file]", check_set)
    expect(panel.node.get_by_label("测试录音").locator("option:checked")).to_have_text("三段录音（3 段）")
    panel.train("球迷", [*SENTENCES, "only English here"])
    panel.ends("published")
    expect(panel.figure("clips")).to_have_text("3")
    expect(panel.figure("kept")).to_have_text("24")
    expect(panel.report.locator("[data-figure=perplexity]")).to_have_text(re.compile("→"))
    expect(panel.report.locator(".lm-problems tr")).to_contain_text("only English here")
    panel.view("版本")
    expect(panel.now).to_contain_text("球迷")
    expect(panel.node.locator(".lm-curve .lm-current-point")).to_have_count(2)

    panel.view("试一试")
    panel.node.locator(".pn-trial").get_by_role("radio").first.click()
    expect(panel.node.locator(".pn-side").nth(0)).to_contain_text(GENERAL, timeout=RECOGNITION_MS)
    expect(panel.node.locator(".pn-side").nth(1)).to_contain_text(FIELD)

    panel.close()
    heard = chat.answered_after(lambda: chat.upload(RECORDING))
    expect(chat.transcript(heard)).to_contain_text(FIELD)

    panel.open()
    panel.view("版本")
    for button in ("退回自带的模型", "改用第 1 版 · 球迷", "退回自带的模型"):
        panel.node.get_by_role("button", name=button).click()
        expect(panel.now.locator("strong")).to_have_text(button.removeprefix("退回").removeprefix("改用"))
    panel.close()
    again = chat.answered_after(lambda: chat.upload(RECORDING))
    expect(chat.transcript(again)).to_contain_text(GENERAL)


def test_a_corpus_that_cannot_be_used_is_refused_with_the_reason(panel: Panel) -> None:
    panel.open()
    panel.train("太少", ["我想挂号"] * 30)
    panel.ends("refused")
    expect(panel.report).to_contain_text("可用的不同句子太少，至少需要 10 句")
    panel.view("版本")
    expect(panel.now).to_contain_text("自带的模型")
