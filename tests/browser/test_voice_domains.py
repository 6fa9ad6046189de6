"""The other bots driven to their end by voice: a report dictated, a table booked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.running_app import RunningApp

Voice = Callable[[str], Path]


def choose(chat: ChatPage, domain: str, greeting: str) -> None:
    chat.page.get_by_label("选择助手").select_option(domain)
    expect(chat.bots.first).to_contain_text(greeting)


def send(chat: ChatPage, recording: Path) -> Locator:
    """Send a recording as a voice message; returns it once it was answered."""
    return chat.answered_after(lambda: chat.upload(recording))


def rows(app: RunningApp, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(app.settings.data_dir / "tingshuo.db") as database:
        return database.execute(query).fetchall()


def test_a_report_is_dictated(chat: ChatPage, app: RunningApp, voice: Voice) -> None:
    choose(chat, "endoscopy", "肠镜报告")

    for said in ("begin", "prepared", "reached", "polyps", "rectum", "delete", "rectum", "finish"):
        send(chat, voice(f"report-{said}"))
    send(chat, voice("answer-none"))
    send(chat, voice("book-yes"))

    table = chat.page.locator(".ts-table").last
    expect(table.locator("th")).to_have_text(["部位", "所见", "数量", "大小"])
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table.locator("tbody tr").first).to_have_text("升结肠息肉30.5厘米")
    kept = "SELECT site, finding, count, size FROM colonoscopy_finding ORDER BY id"
    assert rows(app, kept) == [("升结肠", "息肉", 3, "0.5厘米"), ("直肠", "充血水肿", None, None)]


def test_a_table_is_booked(chat: ChatPage, app: RunningApp, voice: Voice) -> None:
    choose(chat, "daily", "生活助手")

    for said in ("table-hotpot", "answer-none", "book-phone", "book-yes"):
        send(chat, voice(said))

    assert "订好了" in chat.last_answer()
    assert rows(app, "SELECT restaurant, time, guests FROM table_booking") == [("老成都火锅", "19:00", 4)]
