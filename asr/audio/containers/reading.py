"""From a file's bytes to its streams: the reader of its container, and what is said of a file that is cut off."""

from __future__ import annotations

import re
from collections.abc import Callable

from asr.audio.containers import formats
from asr.audio.containers.aiff import read_aiff, read_caf
from asr.audio.containers.amr import read_amr
from asr.audio.containers.au import read_au
from asr.audio.containers.flac import read_flac
from asr.audio.containers.formats import Container, sniff
from asr.audio.containers.layout import MAX_PARTS, Bytes, Part
from asr.audio.containers.matroska import read_matroska
from asr.audio.containers.mp4 import read_mp4
from asr.audio.containers.mpeg import read_adts, read_mp3
from asr.audio.containers.ogg import read_ogg
from asr.audio.containers.wav import read_wav, read_wave64
from asr.errors import AudioUnreadable

_Reader = Callable[[Bytes, int, int], Part]


# Where one more recording of the same kind begins behind the first; long enough to be none by chance.
_ONE_BY_ONE: dict[Container, tuple[_Reader, bytes]] = {
    formats.WAV: (read_wav, rb"(?:RIFF|RF64|BW64|RIFX)....WAVE(?:fmt |JUNK|junk|bext|LIST|ds64|fact|FLLR|PAD )"),
    formats.WAVE64: (read_wave64, rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"),
    formats.AIFF: (read_aiff, rb"FORM....AIF[FC](?:COMM|FVER|MARK|NAME|ANNO|SSND)"),
    formats.AU: (read_au, rb"\.snd\0\0[\0\x01].....\0\0\0[\x01-\x1b]\0[\0-\x0b]..\0\0\0[\x01-\x10]"),
    formats.CAF: (read_caf, rb"caff\0\x01\0\0desc\0\0\0\0"),
    formats.FLAC: (read_flac, rb"fLaC[\0\x80]\0\0\x22"),
    formats.AMR: (read_amr, rb"#!AMR(?:-WB)?\n"),
}
_TOGETHER: dict[Container, Callable[[Bytes, int, int], list[Part]]] = {
    formats.OGG: read_ogg,
    formats.MP4: read_mp4,
    formats.MATROSKA: read_matroska,
    formats.MP3: read_mp3,
    formats.AAC: read_adts,
}


def read_container(data: Bytes) -> tuple[Container, list[Part]]:
    """Return the container of a file and the streams in it, which follow one another.

    A file of none of the formats known here is one part that ffmpeg may make something of.

    Raises:
        AudioUnreadable: the headers are damaged beyond use, or there are more parts in it than any program writes.
    """
    found = sniff(data)
    if found is None:
        return formats.OTHER, [Part(0, len(data))]
    container, start = found
    if container in _TOGETHER:
        return container, _TOGETHER[container](data, start, len(data))
    if container not in _ONE_BY_ONE:
        return container, [Part(start, len(data))]
    read, pattern = _ONE_BY_ONE[container]
    begins = [start]
    for match in re.compile(pattern, re.DOTALL).finditer(data, start + 1):
        begins.append(match.start())
        if len(begins) > MAX_PARTS:
            raise AudioUnreadable(f"The file has more than {MAX_PARTS} streams.", limit=MAX_PARTS)
    return container, [read(data, begin, end) for begin, end in zip(begins, [*begins[1:], len(data)], strict=True)]
