"""Another bot is chosen in the header."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage


def test_another_bot_greets_and_stays_after_a_reload(chat: ChatPage) -> None:
    choice = chat.page.get_by_label("选择助手")
    expect(choice).to_have_value("clinic")
    choice.select_option("daily")
    expect(chat.bots.first).to_contain_text("生活助手")
    expect(chat.page.locator(".ts-examples .ts-example", has_text="消化内科")).to_have_count(0)
    expect(chat.page.locator(".ts-examples .ts-example", has_text="火车票")).to_have_count(1)

    chat.type("我要订餐厅")
    chat.reload()

    expect(chat.page.get_by_label("选择助手")).to_have_value("daily")
    assert "哪家" in chat.last_answer() or "哪一家" in chat.last_answer()


def test_going_back_to_a_bot_goes_on_with_the_last_conversation_with_it(chat: ChatPage) -> None:
    chat.type("我要挂号")
    choice = chat.page.get_by_label("选择助手")
    choice.select_option("daily")
    expect(chat.mine.filter(has_text="我要挂号")).to_have_count(0)
    choice.select_option("clinic")
    expect(chat.mine.first.locator(".ts-bubble")).to_have_text("我要挂号")
