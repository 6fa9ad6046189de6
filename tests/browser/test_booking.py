"""A visitor books an appointment from the first word to the last."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.browser.chat_page import ChatPage, Microphone
from tests.browser.running_app import RunningApp


def tomorrow() -> str:
    return (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)).date().isoformat()


def test_by_voice(chat: ChatPage, app: RunningApp, microphone: Microphone, voice: Callable[[str], Path]) -> None:
    before = len(app.appointments())
    day = tomorrow()

    for answer in ("book-department", "book-when", "book-name", "book-phone", "book-yes"):
        chat.speak(microphone, voice(answer))

    assert "挂好了" in chat.last_answer()
    booked = app.appointments()[before:]
    assert len(booked) == 1
    assert (booked[0]["department"], booked[0]["date"], booked[0]["half_day"]) == ("消化内科", day, "上午")
    # A name and digits have no context that could put a misheard one right: what was read back is what must be stored.
    assert booked[0]["patient"] in chat.last_answer()
    assert re.fullmatch(r"1380\d{7}", booked[0]["phone"])


def test_by_text(chat: ChatPage, app: RunningApp) -> None:
    before = len(app.appointments())
    day = tomorrow()

    for answer in ("我想挂消化内科", "明天上午", "我叫王小明", "13800123456", "是的"):
        chat.type(answer)

    assert "挂好了" in chat.last_answer()
    booked = app.appointments()[before:]
    assert len(booked) == 1
    wanted = {"department": "消化内科", "date": day, "half_day": "上午", "patient": "王小明", "phone": "13800123456"}
    assert {name: booked[0][name] for name in wanted} == wanted


def test_by_quick_replies_and_text(chat: ChatPage, app: RunningApp) -> None:
    before = len(app.appointments())

    for title in ("我要挂号", "骨科", "后天", "下午"):
        chat.answered_after(chat.replies.get_by_text(title, exact=True).click)
    chat.type("李四")
    chat.type("13912345678")
    chat.answered_after(chat.replies.get_by_text("确认", exact=True).click)

    booked = app.appointments()[before:]
    assert [(each["department"], each["half_day"], each["patient"]) for each in booked] == [("骨科", "下午", "李四")]
