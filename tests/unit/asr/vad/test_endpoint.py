"""When speech begins and ends, frame by frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.vad.endpoint import Endpointer, EndpointOptions, FrameSpan


def run(pattern: list[bool], options: EndpointOptions | None = None) -> list[FrameSpan]:
    endpointer = Endpointer(options or EndpointOptions())
    found = [endpointer.accept(frame) for frame in pattern]
    return [span for span in [*found, endpointer.finish()] if span is not None]


def frames(*parts: tuple[bool, int]) -> list[bool]:
    return [speech for speech, count in parts for _ in range(count)]


SPEECH, SILENCE = True, False


def test_silence_has_no_segment() -> None:
    assert run(frames((SILENCE, 500))) == []


def test_less_than_150_ms_is_no_speech() -> None:
    assert run(frames((SILENCE, 100), (SPEECH, 14), (SILENCE, 100))) == []


def test_a_segment_begins_400_ms_before_the_frame_that_decides() -> None:
    spans = run(frames((SILENCE, 100), (SPEECH, 100)))
    assert spans == [FrameSpan(114 - 40, 200)]


def test_a_segment_never_begins_before_the_audio() -> None:
    assert run(frames((SPEECH, 100)))[0].start == 0


def test_a_segment_ends_after_800_ms_of_silence_and_keeps_100_ms_of_it() -> None:
    (span,) = run(frames((SPEECH, 100), (SILENCE, 300)))
    # The window falls to 15 speech frames 4 frames into the silence; 65 more end the segment, of which 54 go back.
    assert span == FrameSpan(0, 104 + 65 - 54 + 1)


def test_a_short_pause_does_not_end_a_segment() -> None:
    assert len(run(frames((SPEECH, 100), (SILENCE, 50), (SPEECH, 100)))) == 1


def test_a_long_pause_makes_two_segments_that_do_not_overlap() -> None:
    first, second = run(frames((SPEECH, 100), (SILENCE, 100), (SPEECH, 100), (SILENCE, 200)))
    assert first.end <= second.start


def test_a_segment_is_ended_when_it_is_too_long() -> None:
    spans = run(frames((SPEECH, 500)), EndpointOptions(max_segment=2.0))
    assert spans[0].end - spans[0].start == 201
    assert len(spans) == 3


def test_the_start_is_known_while_somebody_speaks() -> None:
    endpointer = Endpointer(EndpointOptions())
    assert endpointer.speech_start is None
    for frame in frames((SILENCE, 50), (SPEECH, 20)):
        endpointer.accept(frame)
    assert endpointer.speech_start == 50 + 14 - 40


def test_settings_come_in_milliseconds() -> None:
    options = EndpointOptions.from_config({"max_end_silence_time": 500, "speech_noise_thres": 0.8, "snr_mode": 0})
    assert options == EndpointOptions(max_end_silence=0.5, speech_margin=0.8)


def test_settings_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError):
        EndpointOptions.from_config({"window_size_ms": "long"})


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 150)), max_size=12))
def test_segments_are_in_order_apart_and_inside(parts: list[tuple[bool, int]]) -> None:
    pattern = frames(*parts)
    spans = run(pattern)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(pattern) for span in spans)
