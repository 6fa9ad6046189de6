"""The page is light: few files, few bytes, and nothing that runs while nobody does anything."""

from __future__ import annotations

from playwright.sync_api import expect

from app.ui.page_files import PageFiles
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat
from tests.browser.running_app import RunningApp

MOST_REQUESTS, MOST_BYTES = 25, 250_000
FRAMES = "window.frames_asked = 0; const ask = window.requestAnimationFrame.bind(window); "
FRAMES += "window.requestAnimationFrame = (act) => { window.frames_asked += 1; return ask(act); };"


def test_the_bundle_is_made_of_the_sources() -> None:
    assert PageFiles.find().script.startswith("ui/build/"), "assets/build is older than its sources: scripts/build-page"


def test_the_first_view_is_light_and_rests(open_chat: OpenChat) -> None:
    chat = open_chat()
    network = chat.page.context.new_cdp_session(chat.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    chat.page.add_init_script(FRAMES)

    chat.reload()
    chat.page.wait_for_timeout(1_000)

    fetched = [size for size in sizes if size]  # data: URLs come with the style
    assert len(fetched) <= MOST_REQUESTS
    assert sum(fetched) <= MOST_BYTES
    before = chat.page.evaluate("window.frames_asked")
    chat.page.wait_for_timeout(1_000)
    assert chat.page.evaluate("window.frames_asked") == before


def test_gradios_own_page_has_the_same_chat(open_chat: OpenChat, app: RunningApp) -> None:
    chat: ChatPage = open_chat(f"{app.url}?__theme=dark")

    assert chat.page.evaluate("Boolean(window.gradio_config)")
    expect(chat.talk).to_be_visible()
    expect(chat.page.locator("body")).to_have_class("dark")
