"""A long recording becomes a transcript: watched, played from a sentence, taken away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenChat

MINUTES_10_MS = 120_000  # how long recognition of ten minutes may take on a busy machine


@pytest.fixture(scope="module")
def ten_minutes(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """Ten minutes of recording: a sentence in every twenty seconds, as in a meeting where people think."""
    samples, rate = soundfile.read(data_dir / "voice" / "doctor-tomorrow.wav", dtype="float32")
    pause = np.zeros(rate * 20 - len(samples), np.float32)
    path = tmp_path_factory.mktemp("recording") / "十分钟.flac"
    soundfile.write(path, np.tile(np.concatenate([samples, pause]), 30), rate)
    return path


def upload(page: Page, path: Path) -> None:
    page.set_input_files(".ts-composer input[type=file]", path)


def test_ten_minutes_are_watched_played_from_a_sentence_and_taken_away(open_chat: OpenChat, ten_minutes: Path) -> None:
    chat = open_chat()
    page = chat.page
    upload(page, ten_minutes)
    view = page.locator(".ts-file")
    expect(view.locator(".ts-file-name")).to_have_text("十分钟.flac")
    expect(view.locator(".ts-file-state")).to_contain_text(re.compile(r"正在识别 \d+:\d\d / 10:00"), timeout=60_000)
    expect(view.locator(".ts-file-progress")).to_be_visible()
    expect(view.locator(".ts-file-state")).to_contain_text("转写完成", timeout=MINUTES_10_MS)
    expect(view.locator(".ts-file-progress")).to_be_hidden()
    sentences = view.locator(".ts-sentence")
    written = sentences.count()
    assert written >= 30
    assert chat.mine.count() == 0, "a long file is no message"

    later = sentences.nth(20)
    expect(later).to_contain_text("明天上午")
    later.click()
    expect(later).to_have_class(re.compile("ts-heard"))
    heard_at = page.evaluate("document.querySelector('.ts-file-audio').currentTime")
    minutes, seconds = later.locator("time").inner_text().split(":")
    assert 0 <= heard_at - (int(minutes) * 60 + int(seconds)) < 3

    with page.expect_download() as download:
        view.get_by_role("link", name="下载 srt").click()
    assert download.value.suggested_filename == "十分钟.srt"
    subtitles = Path(download.value.path()).read_text("utf-8")
    assert subtitles.count(" --> ") >= 30
    assert "明天上午" in subtitles

    page.reload()
    chat.wait_until_ready()
    expect(view.locator(".ts-sentence")).to_have_count(written)
    view.get_by_role("button", name="删除").click()
    expect(view).to_be_hidden()
    expect(page).not_to_have_url(re.compile("#"))


def test_a_transcription_can_be_cancelled_and_keeps_what_was_heard(open_chat: OpenChat, ten_minutes: Path) -> None:
    chat = open_chat()
    page = chat.page
    chat.more("转写录音文件")
    page.set_input_files(".ts-file-picker", ten_minutes)
    view = page.locator(".ts-file")
    view.get_by_role("button", name="取消").click(timeout=60_000)
    expect(view.locator(".ts-file-state")).to_contain_text("已取消", timeout=30_000)
    expect(view.get_by_role("button", name="重试")).to_be_visible()
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()


def test_a_file_that_is_no_recording_says_so(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat()
    page = chat.page
    chat.more("转写录音文件")
    bad = tmp_path / "notes.wav"
    bad.write_bytes(b"no sound")
    page.set_input_files(".ts-file-picker", bad)
    expect(page.locator(".ts-file-failed")).to_contain_text("不是音频文件")


def test_a_short_file_is_still_a_message(open_chat: OpenChat, voice: Callable[[str], Path]) -> None:
    chat = open_chat()
    message = chat.answered_after(lambda: chat.upload(voice("doctor-tomorrow")))
    expect(message).to_have_attribute("data-kind", "voice")
    expect(chat.page.locator(".ts-file")).to_be_hidden()
