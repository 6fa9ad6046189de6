"""Recognises a file with funasr-python: a program of its own, for the package's name is funasr-client's too.

    PYTHONPATH=.venv/funasr-python python tests/funasr_python_client.py URL WAV '[{"mode": "2pass", ...}, ...]'

writes a JSON list for each of the settings in turn: the texts, each with whether it was the final one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from funasr_client import AsyncFunASRClient, SimpleCallback


async def recognise(url: str, wav: str, **settings: Any) -> list[tuple[str, bool]]:
    heard: list[tuple[str, bool]] = []
    told = SimpleCallback(
        on_partial=lambda result: heard.append((result.text, False)),
        on_final=lambda result: heard.append((result.text, True)),
    )
    client = AsyncFunASRClient(url, **settings)
    try:
        await client.recognize_file(wav, told)
    finally:
        await client.close()
    return heard


if __name__ == "__main__":
    for asked in json.loads(sys.argv[3]):
        heard = asyncio.run(recognise(sys.argv[1], sys.argv[2], **asked))
        sys.stdout.write(f"{json.dumps(heard, ensure_ascii=False)}\n")
