"""Where a stream is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.vad.endpoint import Endpointer, EndpointOptions
from asr.vad.segmenter import Piece, Segmenter

SPEECH, SILENCE = 0.0, 1.0


def frames(*parts: tuple[float, int]) -> list[float]:
    return [silence for silence, count in parts for _ in range(count)]


def run(silence: list[float], longest: int | None = None, options: EndpointOptions | None = None) -> list[Piece]:
    segmenter = Segmenter(options or EndpointOptions(), longest=longest)
    return [*segmenter.accept(silence), *segmenter.finish()]


def test_a_long_stretch_is_cut_in_its_pause() -> None:
    # A pause too short for an endpoint.
    first, second = run(frames((SPEECH, 600), (SILENCE, 40), (SPEECH, 360)), longest=800)
    assert 605 <= first.end <= 635
    assert first.goes_on
    assert second == Piece(first.end, 1000)


def test_speech_without_a_pause_is_cut_as_late_as_possible() -> None:
    assert run(frames((SPEECH, 250)), longest=100) == [Piece(0, 100, True), Piece(100, 200, True), Piece(200, 250)]


def test_a_stretch_of_just_the_longest_stays_whole() -> None:
    assert run(frames((SPEECH, 100)), longest=100) == [Piece(0, 100)]


def test_the_trailing_silence_of_a_stretch_does_not_make_it_too_long() -> None:
    (piece,) = run(frames((SPEECH, 100), (SILENCE, 200)), longest=120)
    assert not piece.goes_on


def test_a_stretch_ended_for_its_length_goes_on() -> None:
    pieces = run(frames((SPEECH, 500)), options=EndpointOptions(max_segment=2.0))
    assert [piece.goes_on for piece in pieces] == [True, True, False]
    assert pieces[0].end == pieces[1].start


def test_a_piece_is_given_as_soon_as_it_is_certain() -> None:
    segmenter = Segmenter(EndpointOptions(), longest=300)
    given_at = {}
    for frame, silence in enumerate(frames((SPEECH, 400), (SILENCE, 100))):
        for piece in segmenter.accept([silence]):
            given_at[piece.end] = frame
    # The cut: once no endpoint could take the frames before it back. The end: with the endpoint itself.
    assert list(given_at.values()) == [354, 469]


@given(
    st.lists(st.tuples(st.sampled_from([SPEECH, SILENCE, 0.3]), st.integers(1, 150)), max_size=12), st.integers(30, 200)
)
def test_pieces_cover_exactly_what_the_endpoints_say(parts: list[tuple[float, int]], longest: int) -> None:
    silence = frames(*parts)
    endpointer = Endpointer(EndpointOptions())
    spans = [endpointer.accept(probability < 0.2) for probability in silence]
    expected = {frame for span in [*spans, endpointer.finish()] if span for frame in range(span.start, span.end)}
    pieces = run(silence, longest)
    covered = [frame for piece in pieces for frame in range(piece.start, piece.end)]
    assert sorted(expected) == covered
    assert all(piece.end - piece.start <= longest for piece in pieces)


@pytest.mark.parametrize("longest", [500, None])
def test_memory_does_not_grow(longest: int | None) -> None:
    segmenter = Segmenter(EndpointOptions(max_segment=10.0), longest=longest)
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        segmenter.accept(np.repeat(rng.random(5), 100).tolist())
        held = max(held, segmenter.frames - segmenter.needed)
    assert held <= 1020
