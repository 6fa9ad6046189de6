"""From the release of the button to the bot's bubble, as a person sees it: in a real Chromium with a fake microphone.

The button is held for five seconds of a recording, let go, and the page itself notes when the button came up and when
the bot's next bubble was there. The peer in the same run is what the server needs for the same recording in-process.

    python benchmarks/release_to_bubble.py [--messages 12]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asr import decode_audio, open_recognizer  # noqa: E402 -- the line above makes it found
from tests.browser.chat_page import ChatPage, Microphone  # noqa: E402
from tests.browser.running_app import RunningApp  # noqa: E402

RECORDING = ROOT / "tests" / "data" / "speech" / "k004302.ogg"
HELD_SECONDS = 5.0
WARM_UP = 2

STOPWATCH = """() => {
  window.addEventListener("pointerup", () => { window.released = performance.now(); window.answered = null; }, true);
  new MutationObserver(() => {
    const count = document.querySelectorAll(".ts-message.ts-bot:not(.ts-typing-message)").length;
    if (count > window.bubbles && window.released && !window.answered) window.answered = performance.now();
    window.bubbles = count;
  }).observe(document.body, { childList: true, subtree: true });
  window.bubbles = document.querySelectorAll(".ts-message.ts-bot").length;
}"""


def from_release(folder: Path, messages: int) -> list[float]:
    """Milliseconds from the release to the bubble, for each message after the first few."""
    app = RunningApp(folder)
    app.start()
    microphone = Microphone(folder / "microphone.wav")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone.path}",
            ],
        )
        page = browser.new_context(locale="zh-CN", permissions=["microphone"]).new_page()
        page.goto(app.url)
        chat = ChatPage(page)
        chat.wait_until_ready()
        page.evaluate(STOPWATCH)
        for _ in range(WARM_UP + messages):
            chat.let_go_of_microphone()
            microphone.hears(RECORDING)
            chat.press_talk()
            chat.wait_for_recording()
            page.wait_for_timeout(HELD_SECONDS * 1000)
            page.mouse.up()
            page.wait_for_function("window.answered", timeout=30_000)
            found.append(page.evaluate("window.answered - window.released"))
            chat.settle()
        browser.close()
    app.stop()
    return found[WARM_UP:]


def in_process(messages: int) -> list[float]:
    """Milliseconds of decoding and recognising the same seconds with nothing around it."""
    recognizer = open_recognizer()
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file, np.pad(samples, (rate, 0))[: int(HELD_SECONDS * rate)], rate, format="WAV")
        data = Path(file.name).read_bytes()
    found = []
    for _ in range(WARM_UP + messages):
        begin = time.perf_counter()
        recognizer.transcribe(decode_audio(data))
        found.append((time.perf_counter() - begin) * 1000)
    return found[WARM_UP:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=12)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        rows = {"release to the bot's bubble": from_release(Path(folder), messages)}
    rows["peer: decode and recognise only"] = in_process(messages)
    peer = float(np.median(rows["peer: decode and recognise only"]))
    load = os.getloadavg()[0]
    print(f"{messages} messages of {HELD_SECONDS:g} s, {os.cpu_count()} cores, load {load:.1f}, {platform.machine()}")
    print(f"| {'milliseconds':<32} |      p50 |      p95 | ratio |\n|{'-' * 34}|---------:|---------:|------:|")
    for name, found in rows.items():
        p50, p95 = np.percentile(found, [50, 95])
        print(f"| {name:<32} | {p50:>8.1f} | {p95:>8.1f} | {p50 / peer:>5.2f} |")


if __name__ == "__main__":
    main()
