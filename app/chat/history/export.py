"""A conversation as a file: Markdown to read, JSON for programs, or a zip archive of both and the recordings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from app.storage.archive import ZipStream
from app.storage.database import guarded
from app.storage.recordings import Recordings
from app.storage.tables import Message

EXPORTS = {"md": "text/markdown", "json": "application/json", "zip": "application/zip"}
SUFFIXES = {"audio/wav": ".wav", "image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg"}

# What Markdown would take for markup, HTML in it too: text from people and bots is only ever text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")


def export(kind: str, title: str, messages: Sequence[Message], recordings: Recordings) -> Iterator[bytes]:
    """Make the file of a conversation, piece by piece.

    Args:
        kind: of EXPORTS.
        title: what the conversation is called.
        messages: all of it, oldest first.
        recordings: where the sound and the pictures of the messages lie.

    Raises StoreUnavailable. A recording that is not kept any more is left out.
    """
    names = _names(messages) if kind == "zip" else {}
    if kind != "zip":
        write = _markdown if kind == "md" else _json
        yield write(title, messages, names.get).encode()
        return
    archive = ZipStream()
    yield from archive.add_text("conversation.md", _markdown(title, messages, names.get))
    yield from archive.add_text("conversation.json", _json(title, messages, names.get))
    for stored, name in names.items():
        with guarded():
            yield from archive.add_recording(name, recordings, stored)
    yield from archive.end()


def _names(messages: Sequence[Message]) -> dict[str, str]:
    """Return the name in the archive of each stored file, by the name under which it is stored."""
    names = {}
    for number, message in enumerate(messages, 1):
        stored, media_type = _stored(message)
        if stored:
            folder = "audio" if message.kind == "voice" else "images"
            names[stored] = f"{folder}/{number:04}{SUFFIXES.get(media_type or '', '.bin')}"
    return names


def _stored(message: Message) -> tuple[str | None, str | None]:
    if message.kind == "image" and message.card:
        return message.card["file"], message.card["media_type"]
    return message.audio_name, message.audio_type


def _markdown(title: str, messages: Sequence[Message], name_of: Callable[[str], str | None]) -> str:
    lines = [f"# {_escaped(title)}", ""]
    for message in messages:
        who = "我" if message.role == "user" else "听说"
        name = name_of(_stored(message)[0] or "")
        sound = f" [{message.seconds or 0:.0f}″]({name})" if name and message.kind == "voice" else ""
        picture = f" ![]({name})" if name and message.kind == "image" else ""
        text = _escaped(message.text).replace("\n", "  \n")
        lines += [f"**{who}** {message.created_at:%Y-%m-%d %H:%M:%S} UTC{sound}{picture}", "", text, ""]
    return "\n".join(lines)


def _json(title: str, messages: Sequence[Message], name_of: Callable[[str], str | None]) -> str:
    def plain(message: Message) -> dict[str, Any]:
        return {
            "role": message.role,
            "kind": message.kind,
            "text": message.text,
            "heard": message.heard,
            "seconds": message.seconds,
            "status": message.status,
            "table": message.card if message.kind == "table" else None,
            "file": name_of(_stored(message)[0] or ""),
            "created_at": message.created_at.isoformat(),
        }

    whole = {"title": title, "messages": [plain(message) for message in messages]}
    return json.dumps(whole, ensure_ascii=False, indent=1)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def file_name(title: str, kind: str) -> str:
    """Return a name for the file that any system can keep."""
    cleaned = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", title).strip(" .") or "conversation"
    return PurePath(f"{cleaned}.{kind}").name
