"""One app and one Chromium for all browser tests, with the embedded model, its own database and a fake microphone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from tests.browser.chat_page import ChatPage, Microphone
from tests.browser.running_app import RunningApp

expect.set_options(timeout=15_000)  # ms, for a machine that does something else too

OpenChat = Callable[..., ChatPage]

# A name that is not localhost: browsers keep the microphone from pages that come over plain http from there.
INSECURE_HOST = "tingshuo.test"


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    running = RunningApp(tmp_path_factory.mktemp("app"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Microphone:
    return Microphone(tmp_path_factory.mktemp("microphone") / "microphone.wav")


# For a module, not the session: while Playwright runs, no asyncio test can run in this thread.
@pytest.fixture(scope="module")
def browser_type() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, microphone: Microphone) -> Iterator[Browser]:
    chromium = browser_type.launch(
        executable_path="/usr/bin/chromium",
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone.path}",
            f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
        ],
    )
    yield chromium
    chromium.close()


@pytest.fixture
def open_chat(browser: Browser, app: RunningApp) -> Iterator[OpenChat]:
    """Open the page as a new visitor; options are those of a browser context. Nothing may be asked of other hosts."""
    opened: list[tuple[Page, list[str], list[str]]] = []

    def open_page(
        url: str | None = None, *, microphone: bool = True, ready: bool = True, **options: object
    ) -> ChatPage:
        options = {"locale": "zh-CN", "viewport": {"width": 1280, "height": 800}, **options}
        context = browser.new_context(permissions=["microphone"] if microphone else [], **options)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        page = context.new_page()
        elsewhere: list[str] = []
        errors: list[str] = []
        target = url or app.url

        def note_request(asked: str) -> None:
            if (
                urlsplit(asked).scheme in ("http", "https", "ws", "wss")
                and urlsplit(asked).netloc != urlsplit(target).netloc
            ):
                elsewhere.append(asked)

        page.on("request", lambda request: note_request(request.url))
        page.on("websocket", lambda socket: note_request(socket.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        opened.append((page, elsewhere, errors))
        chat = ChatPage(page)
        page.goto(target)
        if ready:
            chat.wait_until_ready()
        return chat

    yield open_page
    for page, elsewhere, errors in opened:
        page.context.close()
        assert elsewhere == [], "the page asked another host"
        assert errors == [], "the page's script failed"


@pytest.fixture
def chat(open_chat: OpenChat) -> ChatPage:
    """The page at desktop size, in Chinese, with a microphone."""
    return open_chat()


@pytest.fixture(scope="session")
def voice(data_dir: Path) -> Callable[[str], Path]:
    """The recording of that name."""
    return lambda name: next((data_dir / "voice").glob(f"{name}.*"))
