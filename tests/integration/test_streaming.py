"""Live audio through the embedded models: the text is the offline pipeline's, however the audio came."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from asr import Audio, Recognizer, decode_audio, open_recognizer
from asr.decoding.greedy import decode_greedily
from asr.engines.onnx.streaming import StreamingParaformer
from asr.errors import SampleRateUnsupported
from asr.hotwords.list import parse_strictly
from asr.streaming import Partial, Session, SessionOptions, SpeechSegment, State
from asr.transcript import Segment, Token, join_texts


@pytest.fixture(scope="module")
def recognizer(embedded: Recognizer) -> Recognizer:
    return embedded


@pytest.fixture(scope="module")
def speech(data_dir: Path) -> np.ndarray:
    """Two sentences with a pause between them, some silence before and half a syllable's worth after: 7 s."""
    first = decode_audio((data_dir / "voice" / "book-when.wav").read_bytes()).samples
    second = decode_audio((data_dir / "voice" / "book-department.wav").read_bytes()).samples
    pause = np.zeros(16_000, np.float32)
    return np.concatenate([pause[:5_000], first, pause, second])[:-77]


def pcm(samples: np.ndarray) -> bytes:
    return np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[begin : begin + size] for begin in range(0, len(data), size))


Said = list[tuple[float, str, tuple[Token, ...]]]


def said(segments: Iterable[Segment | None]) -> Said:
    """All but the end, which a live segment adds up from its start and its samples."""
    return [(segment.start, segment.text, segment.tokens) for segment in segments if segment is not None]


def hear(session: Session, pieces: Iterable[bytes]) -> list[Segment]:
    ended = [stretch for piece in pieces for stretch in session.accept(piece)] + session.finish()
    return [segment for stretch in ended if (segment := session.final(stretch)) is not None]


@pytest.fixture(scope="module")
def offline(recognizer: Recognizer, speech: np.ndarray) -> tuple[Segment, ...]:
    samples = np.frombuffer(pcm(speech), "<i2").astype(np.float32) / 32768
    return recognizer.transcribe(Audio(samples)).segments


@pytest.mark.parametrize("size", [1, 7, 320, 19_200, 10**7], ids=["1 byte", "7 bytes", "10 ms", "600 ms", "whole"])
def test_finals_are_what_the_offline_pipeline_hears(
    recognizer: Recognizer, speech: np.ndarray, offline: tuple[Segment, ...], size: int
) -> None:
    assert len(offline) == 2
    assert said(hear(Session(recognizer), chunks(pcm(speech), size))) == said(offline)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled_as_a_recording_is(recognizer: Recognizer, speech: np.ndarray, rate: int) -> None:
    data = pcm(soxr.resample(speech, 16_000, rate))
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    offline = recognizer.transcribe(Audio(samples, rate)).segments

    live = hear(Session(recognizer, SessionOptions(sample_rate=rate)), chunks(data, 1_001))

    assert said(live) == said(offline)


def found(session: Session, pieces: Iterable[bytes]) -> list[tuple[float, float, bytes]]:
    ended = [stretch for piece in pieces for stretch in session.accept(piece)] + session.finish()
    return [(stretch.start, stretch.end, stretch.samples.tobytes()) for stretch in ended]


@settings(max_examples=12, deadline=None)
@given(rate=st.integers(8_000, 48_000), sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=5))
def test_no_sample_is_lost_or_changed_by_how_the_audio_is_split(
    recognizer: Recognizer, speech: np.ndarray, rate: int, sizes: list[int]
) -> None:
    data = pcm(soxr.resample(speech[:90_000], 16_000, rate))  # it ends in the middle of a word
    ends = np.cumsum([0, *sizes])
    pieces = [data[begin:end] for begin, end in pairwise(ends)] + [data[ends[-1] :]]
    options = SessionOptions(sample_rate=rate)

    whole = Session(recognizer, options)
    expected = found(whole, [data])

    assert found(Session(recognizer, options), pieces) == expected
    assert len(expected) == 2
    assert whole.seconds == pytest.approx(len(data) / 2 / rate, abs=0.001)
    assert expected[-1][1] == pytest.approx(whole.seconds, abs=0.001)


def test_speech_longer_than_a_segment_is_cut_at_the_same_pauses(recognizer: Recognizer, data_dir: Path) -> None:
    spoken = decode_audio((data_dir / "voice" / "book-phone.wav").read_bytes()).samples
    tokens = recognizer.transcribe(Audio(spoken)).segments[0].tokens
    unbroken = spoken[round(tokens[0].start * 16_000) : round(tokens[-1].end * 16_000)]
    data = pcm(np.tile(unbroken, 1 + 13 * 16_000 // len(unbroken)))
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    session = Session(recognizer)

    ended = [stretch for piece in chunks(data, 3_200) for stretch in session.accept(piece)] + session.finish()

    assert said(map(session.final, ended)) == said(recognizer.transcribe(Audio(samples)).segments)
    assert any(stretch.goes_on for stretch in ended)
    assert not ended[-1].goes_on


def test_drafts_grow_towards_the_final_while_somebody_speaks(recognizer: Recognizer, speech: np.ndarray) -> None:
    session = Session(recognizer)
    partials: list[Partial] = []
    finals: list[tuple[SpeechSegment, Segment | None]] = []
    for piece in chunks(pcm(speech), 3_200):
        finals += [(stretch, session.final(stretch)) for stretch in session.accept(piece)]
        if session.partial_due and (partial := session.partial()):
            partials.append(partial)
    finals += [(stretch, session.final(stretch)) for stretch in session.finish()]

    for stretch, segment in finals:
        assert segment is not None
        texts = [partial.text for partial in partials if partial.number == stretch.number]
        assert len(texts) > 2
        assert len(texts[0]) < len(texts[-1])
        assert texts[-1][:2] == segment.spoken[:2]
    for before, after in pairwise(partials):
        assert before.number != after.number or after.text[: after.stable] == before.text[: after.stable]
    assert any(partial.stable for partial in partials)


def test_what_cannot_be_taken_back_is_held_back(recognizer: Recognizer, speech: np.ndarray) -> None:
    at_once, later = (Session(recognizer, SessionOptions(hold_back=count)) for count in (0, 2))
    stable = []
    for piece in chunks(pcm(speech), 3_200):
        for session in (at_once, later):
            session.accept(piece)
        if at_once.partial_due and (soon := at_once.partial()) and (sure := later.partial()):
            assert sure.text == soon.text
            assert sure.stable == max(0, soon.stable - 2)
            stable.append(sure.stable)
    assert max(stable) > 2


def test_the_states_follow_the_speaker(recognizer: Recognizer, speech: np.ndarray) -> None:
    session = Session(recognizer, SessionOptions(start_silence=2.0))
    silence = pcm(np.zeros(16_000, np.float32))

    session.accept(silence)
    assert (session.state, session.quiet) == (State.WAITING, False)
    session.accept(silence + silence[:3_200])
    assert session.quiet
    session.accept(pcm(speech[:32_000]))
    assert (session.state, session.quiet) == (State.SPEAKING, False)
    session.accept(silence + silence[:16_000])
    assert (session.state, session.quiet) == (State.WAITING, False)
    session.finish()
    assert session.state is State.FINISHED


def test_less_silence_ends_an_utterance_where_it_is_asked_for(recognizer: Recognizer, speech: np.ndarray) -> None:
    gapped = np.concatenate([speech[:32_000], np.zeros(2_000, np.float32), speech[-30_000:]])

    usual = hear(Session(recognizer), chunks(pcm(gapped), 3_200))
    quick = hear(Session(recognizer, SessionOptions(end_silence=0.3)), chunks(pcm(gapped), 3_200))

    assert len(quick) > len(usual)


def test_hotwords_count_in_drafts_and_finals(recognizer: Recognizer, speech: np.ndarray) -> None:
    plain = hear(Session(recognizer), chunks(pcm(speech), 3_200))[0].spoken
    alike = {"明天上午": "明天上五"}.get(plain)
    assert alike, f"the recording is heard as {plain}"
    session = Session(recognizer, SessionOptions(hotwords=parse_strictly(f"{alike} 100")))

    ended = session.accept(pcm(speech[: len(speech) // 2]))
    partial = session.partial()

    texts = [partial.text] if partial else [segment.spoken for one in ended if (segment := session.final(one))]
    assert texts == [alike]


def test_a_model_that_streams_hears_every_sample_of_a_draft_once(
    speech: np.ndarray, tiny_model: Callable[[str], Path]
) -> None:
    folder = tiny_model("streaming")
    engine = StreamingParaformer(folder)
    session = Session(open_recognizer(folder), SessionOptions(partial_every=0.1))
    last: dict[int, Partial] = {}
    stretches: list[SpeechSegment] = []
    for piece in chunks(pcm(speech), 3_200):
        stretches += session.accept(piece)
        if session.partial_due and (partial := session.partial()):
            before = last.get(partial.number)
            assert partial.stable == len(partial.text)
            assert before is None or partial.text.startswith(before.text)
            last[partial.number] = partial
    stretches += session.finish()

    assert last
    for number, partial in last.items():
        (heard,) = engine.listen([stretches[number].samples])
        whole = join_texts(token.text for token in decode_greedily(heard.posteriors, engine.units))
        # Random weights often have two characters that are as likely: the last digit may decide.
        same = sum(one == other for one, other in zip(whole, partial.text, strict=False))
        assert same >= 0.8 * len(partial.text) > 0


@pytest.fixture(scope="module")
def two_models(tiny_model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model for finals, and in it one for partials and one for marks that are set meanwhile."""
    folder = tmp_path_factory.mktemp("two") / "model"
    folder.mkdir()
    for file in tiny_model("paraformer").iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "streaming").symlink_to(tiny_model("streaming"))
    (folder / "punctuation").symlink_to(tiny_model("streaming_punctuation"))
    return folder


@pytest.mark.parametrize("marked", [True, False], ids=["marks", "words alone"])
def test_a_model_folder_may_hold_models_for_drafts(two_models: Path, speech: np.ndarray, marked: bool) -> None:
    recognizer = open_recognizer(two_models)
    partials = recognizer.partials(punctuation=marked)
    plain = open_recognizer(two_models / "streaming").partials(punctuation=False)
    assert partials
    assert plain
    pieces = [speech[begin : begin + 6_400] for begin in range(0, len(speech), 6_400)]
    texts = [(partials.accept(piece), plain.accept(piece)) for piece in pieces]

    assert recognizer.model_name == "Paraformer"
    assert len(texts[-1][1]) > 10
    for (before, _), (after, words) in pairwise(texts):
        assert after.startswith(before)
        assert re.sub("[，。？、]", "", after) == words
    assert (texts[-1][0] != texts[-1][1]) == marked


def test_drafts_stay_with_their_model_when_the_language_model_changes(two_models: Path) -> None:
    other = open_recognizer(two_models).with_language(None)
    assert other.partials() is not None


def test_an_odd_byte_at_the_end_is_noticed_and_left_out(recognizer: Recognizer, speech: np.ndarray) -> None:
    session = Session(recognizer)
    even = Session(recognizer)

    assert hear(session, iter([pcm(speech), b"\x01"])) == hear(even, iter([pcm(speech)]))

    assert session.ends_in_half_a_sample
    assert not even.ends_in_half_a_sample


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00" * 300, b"\x00" * 32_000])
def test_silence_of_any_length_has_no_stretch(recognizer: Recognizer, data: bytes) -> None:
    session = Session(recognizer)
    assert session.accept(data) + session.finish() == []
    assert session.partial() is None


@pytest.mark.parametrize("rate", [7_999, 48_001, 0, -1])
def test_a_rate_that_is_not_taken_is_named(recognizer: Recognizer, rate: int) -> None:
    with pytest.raises(SampleRateUnsupported, match=str(rate)):
        Session(recognizer, SessionOptions(sample_rate=rate))


def test_a_long_session_keeps_no_more_than_the_stretch_that_goes_on(recognizer: Recognizer, speech: np.ndarray) -> None:
    session = Session(recognizer)
    noise = np.random.default_rng(5).standard_normal(80_000).astype(np.float32) * 0.01
    held = []
    for _ in range(12):
        for piece in chunks(pcm(np.concatenate([speech, noise, np.zeros(16_000, np.float32)])), 64_000):
            session.accept(piece)
            held.append(session.held_seconds)
    assert session.seconds > 120
    assert max(held) < 11.5
    assert held[-1] < 2.5
