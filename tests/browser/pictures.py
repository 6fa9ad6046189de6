"""What scripts/pictures runs: the page in a person's hands, with a picture of each thing that README tells of."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chat_page import ChatPage, Microphone
from tests.browser.running_app import RunningApp

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}
VOICE = Path(__file__).parents[1] / "data" / "voice"
FRAME_MS = 220


@contextmanager
def page(browser: Browser, url: str, **options: object) -> Iterator[ChatPage]:
    """The page of a new visitor in Shanghai, where the bots are."""
    context = browser.new_context(
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        permissions=["microphone"],
        **options,  # type: ignore[arg-type]
    )
    chat = ChatPage(context.new_page())
    chat.page.set_default_timeout(120_000)
    chat.page.goto(url)
    chat.wait_until_ready()
    yield chat
    context.close()


def talk(chat: ChatPage, microphone: Microphone, name: str, frames: list[bytes]) -> None:
    """Say a recording with the button held, and keep what is to be seen meanwhile."""
    chat.let_go_of_microphone()
    microphone.hears(VOICE / f"{name}.wav")
    chat.press_talk()
    chat.wait_for_recording()
    for _ in range(round((microphone.seconds * 1000 + 300) / FRAME_MS)):
        chat.page.wait_for_timeout(FRAME_MS // 2)
        frames.append(chat.page.screenshot())
    chat.answered_after(chat.page.mouse.up)
    frames += [chat.page.screenshot()] * 6


def booking(chat: ChatPage, microphone: Microphone, frames: list[bytes]) -> None:
    """A booking that is begun aloud."""
    talk(chat, microphone, "doctor-tomorrow", frames)
    talk(chat, microphone, "book-department", frames)


def moving(frames: list[bytes], target: Path) -> None:
    """Write `frames` as a small moving picture."""
    pictures = [
        Image.open(io.BytesIO(frame)).convert("RGB").resize((312, 624), Image.Resampling.LANCZOS) for frame in frames
    ]
    first, *rest = [picture.quantize(64, dither=Image.Dither.NONE) for picture in pictures]
    first.save(target, save_all=True, append_images=rest, duration=FRAME_MS, loop=0, optimize=True)


def main(target: Path) -> None:
    """Make all pictures in the folder `target`."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = RunningApp(Path(folder))
        app.start()
        microphone = Microphone(Path(folder) / "microphone.wav")
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone.path}",
            ],
        )
        frames: list[bytes] = []
        with page(browser, app.url, viewport=PHONE) as chat:
            booking(chat, microphone, frames)
            chat.page.screenshot(path=target / "phone.png")
            chat.page.get_by_role("button", name="更多功能").click()
            chat.page.screenshot(path=target / "tray.png")
        moving(frames, target / "talk.gif")
        with page(browser, app.url, viewport=DESKTOP) as chat:
            chat.type("后天有去杭州的高铁吗")
            chat.page.locator(".ts-new").click()
            chat.page.get_by_role("button", name="切换到按住说话").click()
            booking(chat, microphone, [])
            chat.page.wait_for_timeout(1_500)
            chat.page.screenshot(path=target / "desktop.png")
            chat.page.get_by_placeholder("搜索聊天记录").fill("消化")
            chat.page.locator(".ts-hit").first.wait_for()
            chat.page.screenshot(path=target / "search.png")
        with page(browser, app.url, viewport=PHONE, color_scheme="dark") as chat:
            chat.more("设置")
            chat.page.wait_for_timeout(500)
            chat.page.screenshot(path=target / "settings.png")
        browser.close()
        app.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
