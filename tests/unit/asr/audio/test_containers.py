"""What the container readers find in a file: its format, where its sound lies, and whether it is cut off."""

from __future__ import annotations

import subprocess
import sys

import pytest

from asr.audio.containers import formats
from asr.audio.containers.formats import Container, sniff
from asr.audio.containers.layout import Part
from asr.audio.containers.ogg import checksum
from asr.audio.containers.reading import read_container
from tests.unit.asr.audio.damage import RATE, encoded, patched


def wav(size: int, body: bytes, before: bytes = b"", whole: int = 0) -> bytes:
    form = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + (16000).to_bytes(4, "little")
    form += (32000).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
    head = b"RIFF" + whole.to_bytes(4, "little") + b"WAVEfmt \x10\x00\x00\x00"
    return head + form + before + b"data" + size.to_bytes(4, "little") + body


def box(name: bytes, size: int, body: bytes = b"") -> bytes:
    return size.to_bytes(4, "big") + name + body


def page(segments: list[int], body: bytes) -> bytes:
    return b"OggS" + bytes(22) + bytes([len(segments)]) + bytes(segments) + body


def only_part(data: bytes) -> Part:
    (part,) = read_container(data)[1]
    return part


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (wav(0, b""), formats.WAV),
        (b"RF64\xff\xff\xff\xffWAVE", formats.WAV),
        (b"FORM\x00\x00\x00\x00AIFC", formats.AIFF),
        (b"#!AMR-WB\n", formats.AMR),
        (b"\x00\x00\x00\x18ftypM4A ", formats.MP4),
        (b"\xff\xfb\x90\x00", formats.MP3),
        (b"\xff\xf1\x50\x80", formats.AAC),
    ],
)
def test_formats_are_told_by_their_first_bytes(data: bytes, container: Container) -> None:
    assert sniff(data) == (container, 0)


@pytest.mark.parametrize(
    "data", [b"FORM\0\0\0\x008SVX", b"RIFF\0\0\0\0AVI ", b"\xff\xfb\xf0\0", b"\xff\xfeh\0", b"ID3", b"#EXTM3U\n", b""]
)
def test_other_files_are_none_of_them(data: bytes) -> None:
    assert sniff(data) is None


@pytest.mark.parametrize("before", [b"\0", bytes(3000), b"HTTP/1.1 200 OK\r\n\r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["wav", "flac", "m4a", "mp3", "aac", "opus"])
def test_the_start_is_found_behind_junk(name: str, before: bytes) -> None:
    found = sniff(before + encoded(name))
    alone = sniff(encoded(name))
    assert found is not None
    assert alone is not None
    assert found == (alone[0], alone[1] + len(before)) or name == "mp3"  # where its tag is junk like the rest
    assert found[0] is alone[0]


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (wav(1000, bytes(1000), whole=1036), False),
        (wav(64000, bytes(1000), whole=64036), True),
        (wav(64000, bytes(1000), whole=1036), False),  # one size alone that is too large is a lie
        (wav(1000, bytes(1000), before=b"LIST\x03\x00\x00\x00abc\x00"), False),
        (wav(1000, bytes(1000), before=b"LIST\x03\x00\x00\x00abc"), False),
        (wav(0xFFFFFFFF, bytes(1000), whole=0xFFFFFFFF), False),
        (wav(0, b"", whole=1000)[:30], True),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 12, bytes(4)), False),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 0, bytes(4)), False),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"mdat", 1, (20).to_bytes(8, "big") + bytes(4)), False),
        (box(b"ftyp", 8) + box(b"mdat", 12, bytes(4)), True),
        (box(b"ftyp", 8) + box(b"moov", 8) + box(b"junk", 5), False),
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x82\xec\x80", False),
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x84\xec\x85", True),
        (b"\x1aE\xdf\xa3\x81x\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xffxx", False),
        (b"\x1aE\xdf\xa3\x81x", True),
        (b"\x1aE\xdf\xa3\x81x\x00", True),
        (b"\x1aE\xdf\xa3", True),
        (page([3], b"xxx"), False),
        (page([3], b"xx"), True),
        (page([], b"")[:20], True),
        (b"OggS" + bytes(22) + b"\x05", True),
    ],
)
def test_whether_a_file_is_cut_off(data: bytes, cut: bool) -> None:
    assert only_part(data).cut is cut


@pytest.mark.parametrize(
    ("trailer", "kept"),
    [
        (b"", 0),
        (b"LIST\x04\x00\x00\x00INFO", 0),
        (b"TAG" + bytes(125), 0),
        (bytes(300), 300),  # silence and padding are one to a header that says nothing
        (b"abcd\x00\x00\x00\x00", 8),
    ],
)
def test_sound_of_unknown_size_ends_before_what_is_known_not_to_be_sound(trailer: bytes, kept: int) -> None:
    part = only_part(wav(0, b"\1" * 1000 + trailer))
    assert part.end - part.start == 1000 + kept


def test_a_flac_header_that_promises_more_is_told_from_a_file_that_was_cut_off() -> None:
    data = encoded("flac")
    longer = patched(data, 22, 10**6, 4)
    assert only_part(longer).claimed == pytest.approx(10**6 / RATE)
    assert not only_part(longer).broken_end
    assert only_part(data[:-50]).broken_end


def test_the_checksum_of_an_ogg_page_is_that_of_its_writer() -> None:
    data = encoded("opus")
    second = data.index(b"OggS", 4)
    assert checksum(data[:second]) == data[22:26]
    assert only_part(data).edits == {}


def test_several_recordings_in_one_file_are_one_part_each() -> None:
    for name in ("wav", "aiff", "caf", "flac", "opus", "m4a", "webm", "amr"):
        assert len(read_container(encoded(name) * 3)[1]) == 3, name


CRAFTED = """
import resource, time
from asr.audio.containers.reading import read_container
from asr.errors import AudioError

ogg = b"OggS\\x00\\x00" + bytes(21)
for name, begin, unit, count in (
    ("boxes", b"\\x00\\x00\\x00\\x08ftyp", b"\\x00\\x00\\x00\\x08free", 5_000_000),
    ("chunks", b"RIFF\\xff\\xff\\xff\\x7fWAVE", b"LIST\\x00\\x00\\x00\\x00", 6_000_000),
    ("names", b"RIFF\\xff\\xff\\xff\\x7fWAVEfmt \\x10\\0\\0\\0" + bytes(16) + b"data\\0\\0\\0\\0", b"LIST", 4_000_000),
    ("pages", b"OggS\\x00\\x02" + bytes(21), ogg, 1_000_000),
    ("syncs", b"", b"\\x00\\xff", 8_000_000),
    ("tags", b"", b"ID3\\x04\\x00\\x00\\x00\\x00\\x00\\x00", 1_000_000),
    ("elements", b"\\x1aE\\xdf\\xa3\\x81x\\x18S\\x80g\\x01\\0\\0\\0" + b"\\xff" * 4, b"\\xec\\x80", 8_000_000),
    ("starts", b"", b"fLaC\\x00\\x00\\x00\\x22", 1_000_000),
):
    data = begin + unit * count
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read_container(data)
    except AudioError:
        pass
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(name, len(data), grown * 1024, time.process_time() - begun)
"""


def test_crafted_containers_cost_little_time_and_memory() -> None:
    done = subprocess.run([sys.executable, "-c", CRAFTED], capture_output=True, text=True, check=True)
    costs = [line.split() for line in done.stdout.splitlines()]
    assert len(costs) == 8
    for name, size, grown, seconds in costs:
        assert int(grown) < 2 * int(size) + 2**26, name
        assert float(seconds) < 15, name  # a bound on the work, not a measurement: unbounded it was minutes
