"""What a file's bytes say of its format and its end, down to the odd corners of each format."""

from __future__ import annotations

import pytest

from asr.audio import containers
from asr.audio.containers import Container, ends_early, promised_seconds, sniff


def wav(size: int, body: bytes, before: bytes = b"") -> bytes:
    form = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + (16000).to_bytes(4, "little")
    form += (32000).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
    return b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + form + before + b"data" + size.to_bytes(4, "little") + body


def box(name: bytes, size: int, body: bytes = b"") -> bytes:
    return size.to_bytes(4, "big") + name + body


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (wav(0, b""), containers.WAV),
        (b"RF64\xff\xff\xff\xffWAVE", containers.WAV),
        (b"FORM\x00\x00\x00\x00AIFC", containers.AIFF),
        (b"FORM\x00\x00\x00\x008SVX", None),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"#!AMR-WB\n", containers.AMR),
        (b"\x00\x00\x00\x18ftypM4A ", containers.MP4),
        (b"\xff\xfb\x90\x00", containers.MP3),
        (b"\xff\xf1\x50\x80", containers.AAC),
        (b"\xff\xfb\xf0\x00", None),
        (b"\xff\xfeh\x00", None),
        (b"ID3", None),
        (b"#EXTM3U\n", None),
        (b"", None),
    ],
)
def test_formats_are_told_by_their_first_bytes(data: bytes, container: Container | None) -> None:
    assert sniff(data) is container


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (wav(1000, bytes(1000)), False),
        (wav(64000, bytes(1000)), True),
        (wav(1000, bytes(1000), before=b"LIST\x03\x00\x00\x00abc\x00"), False),
        (wav(0xFFFFFFFF, bytes(1000)), False),
        (wav(0, b"")[:30], True),
        (b"RF64\xff\xff\xff\xffWAVEds64", False),
    ],
)
def test_end_of_a_wav(data: bytes, early: bool) -> None:
    assert ends_early(data, containers.WAV) is early


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 12, bytes(4)), False),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 0, bytes(4)), False),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 1, (20).to_bytes(8, "big") + bytes(4)), False),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 100, bytes(4)), True),
        (box(b"ftyp", 8) + box(b"mdat", 12, bytes(4)), True),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"junk", 5), False),
        (b"\x00\x00", True),
    ],
)
def test_end_of_an_mp4(data: bytes, early: bool) -> None:
    assert ends_early(data, containers.MP4) is early


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x82xx", False),
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x84xx", True),
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xffxx", False),
        (b"\x1aE\xdf\xa3\x81x", True),
        (b"\x1aE\xdf\xa3\x81x\x00", True),
        (b"\x1aE\xdf\xa3", True),
    ],
)
def test_end_of_a_webm(data: bytes, early: bool) -> None:
    assert ends_early(data, containers.MATROSKA) is early


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (b"caff\x00\x01\x00\x00data" + (4).to_bytes(8, "big") + b"xxxx", False),
        (b"caff\x00\x01\x00\x00data" + (9).to_bytes(8, "big") + b"xxxx", True),
        (b"caff\x00\x01\x00\x00data" + b"\xff" * 8 + b"xxxx", False),
    ],
)
def test_end_of_a_caf(data: bytes, early: bool) -> None:
    assert ends_early(data, containers.CAF) is early


def page(segments: list[int], body: bytes) -> bytes:
    return b"OggS" + bytes(22) + bytes([len(segments)]) + bytes(segments) + body


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (page([3], b"xxx"), False),
        (page([3], b"xx"), True),
        (page([], b"")[:20], True),
        (b"OggS" + bytes(22) + b"\x05", True),
    ],
)
def test_end_of_an_ogg(data: bytes, early: bool) -> None:
    assert ends_early(data, containers.OGG) is early


def test_only_a_flac_header_promises_seconds() -> None:
    packed = (16000 << 44 | 32000).to_bytes(8, "big")
    header = b"fLaC\x00\x00\x00\x22" + bytes(10) + packed
    assert promised_seconds(header, containers.FLAC) == 2.0
    assert promised_seconds(header[:18] + bytes(8), containers.FLAC) == 0.0
    assert promised_seconds(header[:20], containers.FLAC) == 0.0
    assert promised_seconds(header, containers.WAV) == 0.0
