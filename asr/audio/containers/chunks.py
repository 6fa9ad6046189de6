"""Files made of chunks (RIFF, AIFF, CAF, Wave64), read as they are: sizes that lie, odd chunks without padding.

A chunk is a name, a size and a body. Programs that write live leave the size of the sound at 0 or at the largest
number, some count wrong, some forget the padding byte behind an odd chunk, some put zeros in between. Where the
chain of chunks breaks, the next known name is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from asr.audio.containers.layout import UNKNOWN_SIZE, Budget, Bytes
from asr.audio.containers.tags import trim_tags
from asr.errors import AudioUnreadable

_MAX_CHUNKS = 10_000
_MAX_FILL = 2**16  # bytes of zeros between two chunks, or behind the last one
_TRAILERS_WITHIN = 2**22  # bytes before the end in which the chunks behind the sound are looked for
_NAME = re.compile(rb"[ -~]{4}")
_NOT_ZERO = re.compile(rb"[^\0]")


@dataclass(frozen=True)
class Form:
    """How chunks are written: bytes of the name and of the size, byte order, alignment, size with the header or not."""

    name_bytes: int
    size_bytes: int
    order: str
    align: int
    inclusive: bool = False

    @property
    def header_bytes(self) -> int:
        """Bytes before a chunk's body."""
        return self.name_bytes + self.size_bytes


@dataclass(frozen=True)
class Chunk:
    """A chunk: the four letters of its name, where its body begins, and the size that its header gives."""

    name: bytes
    body: int
    size: int

    @property
    def end(self) -> int:
        """Where the body ends, if the size is true."""
        return self.body + self.size


RIFF = Form(4, 4, "little", 2)
RIFX = Form(4, 4, "big", 2)
AIFF = Form(4, 4, "big", 2)
CAF = Form(4, 8, "big", 1)
WAVE64 = Form(16, 8, "little", 8, inclusive=True)
_WAVE64_NAMES = (
    b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a",
    b"\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
)


def chunk_at(data: Bytes, position: int, end: int, form: Form) -> Chunk | None:
    """Return the chunk whose header stands at `position`, or None when what is there is no chunk's header."""
    head = data[position : min(end, position + form.header_bytes)]
    if len(head) < form.header_bytes or not _NAME.match(head):
        return None
    if form.name_bytes == 16 and head[4:16] not in _WAVE64_NAMES:
        return None
    size = int.from_bytes(head[form.name_bytes :], "big" if form.order == "big" else "little")
    if form.inclusive:
        size = max(0, size - form.header_bytes)
    return Chunk(head[:4], position + form.header_bytes, size)


def _next(data: Bytes, chunk: Chunk, end: int, form: Form) -> Chunk | None:
    """Return the chunk behind `chunk`, with padding or without it, or behind zeros."""
    if chunk.end >= end:
        return None
    for position in (chunk.end + -chunk.size % form.align, chunk.end):
        found = chunk_at(data, position, end, form)
        if found:
            return found
    sound = _NOT_ZERO.search(data, chunk.end, min(end, chunk.end + _MAX_FILL))
    return chunk_at(data, sound.start(), end, form) if sound else None


def until(data: Bytes, start: int, end: int, form: Form, wanted: bytes) -> Iterator[Chunk]:
    """Yield the chunks from `start` on up to the one called `wanted`, which is also searched for behind a broken one.

    Raises AudioUnreadable when there are more chunks than any program writes.
    """
    budget = Budget(_MAX_CHUNKS, "chunks")
    chunk = chunk_at(data, start, end, form)
    body = start
    while True:
        budget.spend()
        if chunk is None:
            position = data.find(wanted, body, end)
            chunk = chunk_at(data, position, end, form) if position >= 0 else None
            if chunk is None:
                return
        yield chunk
        if chunk.name == wanted:
            return
        body = chunk.body
        chunk = _next(data, chunk, end, form)


def shape_chunk(data: Bytes, chunks: dict[bytes, Chunk], sound: Chunk, start: int, form: Form, name: bytes) -> Chunk:
    """Return the chunk called `name`, searched for before the sound where the chain of chunks missed it.

    Raises AudioUnreadable when there is none.
    """
    found = chunks.get(name)
    position = data.find(name, start, sound.body) if found is None else -1
    found = found or (chunk_at(data, position, len(data), form) if position >= 0 else None)
    if found is None:
        raise AudioUnreadable("The file does not say how its samples are written: the chunk of its format is missing.")
    return found


def sound_end(data: Bytes, sound: Chunk, end: int, form: Form, trailers: bytes) -> int:
    """Return where the sound really ends.

    Args:
        data: the file.
        sound: the chunk of the sound, whose size may lie.
        end: where the file, or this stream of it, ends.
        form: how chunks are written.
        trailers: a pattern of the names of chunks that stand behind the sound.
    """
    if sound.size > 0 and sound.end <= end and _is_chain(data, sound.end, end, form):
        return sound.end
    if sound.size > 0 and sound.end <= end and sound.end == trim_tags(data, sound.body, end):
        return sound.end
    first = max(sound.body, end - _TRAILERS_WITHIN)
    for count, match in enumerate(re.finditer(trailers, data[first:end])):
        if count > _MAX_CHUNKS:
            break
        position = first + match.start()
        if _is_chain(data, position, end, form):
            return position
    return trim_tags(data, sound.body, end)


def _is_chain(data: Bytes, position: int, end: int, form: Form) -> bool:
    """Tell whether whole chunks, padding or tags, and nothing else, lie between `position` and `end`."""
    if end - position < form.align:
        return True
    fill = _NOT_ZERO.search(data, position, end)
    if fill is None:
        return end - position <= _MAX_FILL
    for start in (position + -position % form.align, position):
        chunk = chunk_at(data, start, end, form)
        for _ in range(_MAX_CHUNKS):
            if chunk is None or chunk.end > end:
                break
            behind = _next(data, chunk, end, form)
            if behind is None:
                return _is_tail(data, chunk.end, end, form)
            chunk = behind
    return _is_tail(data, position, end, form)


def _is_tail(data: Bytes, position: int, end: int, form: Form) -> bool:
    rest = data[position : min(end, position + 3)]
    if end - position < form.align or (rest == b"TAG" and end - position <= 129) or rest == b"ID3":
        return True
    return _NOT_ZERO.search(data, position, end) is None and end - position <= _MAX_FILL


def is_unknown(size: int, form: Form) -> bool:
    """Tell whether a size stands for "not known": what writers to a pipe put there."""
    return size >= (UNKNOWN_SIZE if form.size_bytes == 4 else 2**62)
