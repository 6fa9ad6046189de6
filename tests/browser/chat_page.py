"""What a person does on the page, and what they see there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import Locator, Page, expect

RECOGNITION_MS = 30_000  # how long a test waits for recognition on a busy machine


class Microphone:
    """The file that Chromium plays into its fake microphone, from the beginning each time the microphone opens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds = 0.0
        self.silence()

    def hears(self, recording: Path) -> None:
        """Put a recording before the microphone, with silence around it: a busy browser opens it late."""
        samples, sample_rate = soundfile.read(recording, dtype="float32")
        before = np.zeros(sample_rate, np.float32)
        after = np.zeros(sample_rate * 20, np.float32)
        self.seconds = (len(before) + len(samples)) / sample_rate
        soundfile.write(self.path, np.concatenate([before, samples, after]), sample_rate)

    def silence(self) -> None:
        soundfile.write(self.path, np.zeros(16_000 * 20, np.float32), 16_000)


class ChatPage:
    """The page in the hands of a person."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.locator(".ts-message:not(.ts-typing-message)")
        self.mine = page.locator(".ts-message.ts-user")
        self.bots = page.locator(".ts-message.ts-bot:not(.ts-typing-message)")
        self.talk = page.locator(".ts-talk")
        self.card = page.locator(".ts-card")
        self.toast = page.locator(".ts-toast")
        self.banner = page.locator(".ts-banner")
        self.replies = page.locator(".ts-chip")
        self.title = page.locator(".ts-title")

    def wait_until_ready(self) -> None:
        self.page.wait_for_selector(".ts-root[data-ready]")
        expect(self.bots.first).to_be_visible()

    def reload(self) -> None:
        self.page.reload()
        self.wait_until_ready()

    def press_talk(self) -> tuple[float, float]:
        """Press the talk button and keep it pressed; returns where."""
        box = self.talk.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        return x, y

    def wait_for_recording(self) -> None:
        """Wait until the card says that the microphone runs."""
        self.page.wait_for_selector(".ts-card.ts-shown:not(.ts-preparing)")

    def speak(self, microphone: Microphone, recording: Path) -> Locator:
        """Hold the button for as long as the recording lasts; returns the message it became, once it was answered."""
        self.let_go_of_microphone()
        microphone.hears(recording)
        self.press_talk()
        self.wait_for_recording()
        self.page.wait_for_timeout(microphone.seconds * 1000 + 200)
        return self.answered_after(self.page.mouse.up)

    def let_go_of_microphone(self) -> None:
        """The page closes the microphone when it is left, so that the next press opens it anew."""
        self.page.evaluate("dispatchEvent(new Event('pagehide'))")

    def type(self, text: str) -> Locator:
        """Type a message and press Enter; returns it once it was answered."""
        field = self.page.locator(".ts-field")
        if not field.is_visible():
            self.page.get_by_role("button", name="切换到键盘").click()
        field.fill(text)
        return self.answered_after(lambda: field.press("Enter"))

    def more(self, name: str) -> None:
        """Choose `name` in the tray under the bar."""
        self.page.get_by_role("button", name="更多功能").click()
        self.page.locator(".ts-tray").get_by_role("button", name=name, exact=True).click()

    def send_example(self, number: int = 0) -> Locator:
        """Send an example recording, from the row of an empty chat or from the tray; returns the message."""
        row = self.page.locator(".ts-examples .ts-example")
        if row.first.is_visible():
            return self.answered_after(row.nth(number).click)
        self.more("示例录音")
        return self.answered_after(self.page.locator(".ts-example-list .ts-example").nth(number).click)

    def upload(self, *files: Path) -> None:
        self.page.set_input_files(".ts-composer input[type=file]", list(files))

    def answered_after(self, act) -> Locator:  # type: ignore[no-untyped-def]
        """Do `act`, which sends one message, and wait until the bot has answered it."""
        sent, said = self.mine.count(), self.bots.count()
        act()
        message = self.mine.nth(sent)
        expect(message).to_have_attribute("data-status", "done", timeout=RECOGNITION_MS)
        expect(self.bots.nth(said)).to_be_visible(timeout=RECOGNITION_MS)
        expect(self.page.locator(".ts-typing-message")).to_have_count(0)
        self.settle()
        return message

    def settle(self) -> None:
        """Wait until no more bubbles come: an answer may have several."""
        deadline = time.monotonic() + 5
        count = -1
        while count != (count := self.bots.count()) and time.monotonic() < deadline:
            self.page.wait_for_timeout(150)

    def transcript(self, message: Locator) -> Locator:
        return message.locator(".ts-transcript")

    def last_answer(self) -> str:
        return self.bots.last.inner_text()
