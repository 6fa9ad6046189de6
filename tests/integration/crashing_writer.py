"""Kills a writer with SIGKILL again and again, and says what became of what it had acknowledged:
`crashing_writer.py DATA_DIR KILLS` prints one line of JSON.

The processes are forked from this one, which has imported everything: what takes long is not what is tested.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from app.storage.store import Store, Wav
from asr import Segment, Token, Transcript
from bot import DialogueState, Reply

REPLY = Reply(texts=("好的", "还要什么"), state=DialogueState("clinic", "k"))


def recording(number: int) -> bytes:
    """A recording that can be known again by its number."""
    return b"RIFF" + hashlib.sha256(str(number).encode()).digest() * 500


def write_for_ever(data_dir: Path, acknowledge: int) -> None:
    """Do what the app does with messages, and tell of each one that was kept."""
    store = Store.open(data_dir)
    conversation, _ = store.start_conversation("anna", REPLY)
    number = random.randrange(10**9)
    while True:
        number += 1
        spoken = store.add_spoken(conversation, io.BytesIO(recording(number)))
        os.write(acknowledge, f"{conversation} {spoken.id} recognizing {number}\n".encode())
        token = Token("好", 0.0, 0.2, 0.9)
        wav = Wav(io.BytesIO(recording(number)), 1.0)
        heard = store.recognised(spoken, Transcript((Segment(0.0, 0.2, (token,)),), 1.0), wav)
        os.write(acknowledge, f"{conversation} {spoken.id} answering {number}\n".encode())
        store.answered(heard, REPLY)
        os.write(acknowledge, f"{conversation} {spoken.id} done {number}\n".encode())


def crash(data_dir: Path) -> list[list[str]]:
    """Let a writer work for a moment, kill it, and return what it had acknowledged."""
    reading, writing = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(reading)
        try:
            write_for_ever(data_dir, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        acknowledged = [lines.readline()]
        time.sleep(random.uniform(0.0, 0.03))
        os.kill(writer, signal.SIGKILL)
        acknowledged += lines.readlines()
    os.waitpid(writer, 0)
    return [line.decode().split() for line in acknowledged if line.endswith(b"\n")]


def lost(data_dir: Path, acknowledged: list[list[str]]) -> list[str]:
    """Name what was acknowledged and is not there as it was."""
    order = ["recognizing", "answering", "done"]
    store = Store.open(data_dir)
    wrong = []
    for conversation, message_id, status, number in acknowledged:
        try:
            message = store.message("anna", conversation, message_id)
            content = store.recording(message).read()
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is a message lost
            wrong.append(f"{message_id} {status}: {error}")
            continue
        if order.index(message.status) < order.index(status) or content != recording(int(number)):
            wrong.append(f"{message_id} {status}: {message.status}, {len(content)} bytes")
    with store.database.engine.connect() as connection:
        wrong += [str(row) for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
        wrong += [str(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]
        # An answer and the end of its message are one transaction.
        wrong += [
            str(row)
            for row in connection.exec_driver_sql(
                "SELECT conversation_id FROM message GROUP BY conversation_id "
                "HAVING sum(role = 'bot') != 2 + 2 * sum(role = 'user' AND status = 'done')"
            )
        ]
    return wrong


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    acknowledged: list[list[str]] = []
    for _ in range(int(sys.argv[2])):
        acknowledged += crash(folder)
    json.dump({"acknowledged": len(acknowledged), "lost": lost(folder, acknowledged)}, sys.stdout)
