"""The embedded model on recordings it was not trained on, and on all that is no speech."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from asr import Audio, Hotword, HotwordList, Recognizer, Tier, decode_audio, encode_wav, open_recognizer
from asr.engines.onnx.engine import OnnxEngine
from asr.errors import ModelFileMissing
from asr.evaluation.error_rate import count_errors
from asr.evaluation.recognition import evaluate, main, read_manifest
from asr.recognizer import EMBEDDED
from asr.transcript import PLAIN, Transcript
from asr.vad.fsmn import open_vad

RATE = 16000
TIME = np.arange(4 * RATE) / RATE


@pytest.fixture(scope="module")
def recognizer(embedded: Recognizer) -> Recognizer:
    return embedded


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Audio:
    """我叫姜欣子电话是幺七七五三幺九七九八三."""
    return decode_audio((data_dir / "speech" / "k000990.ogg").read_bytes())


def test_sentences_it_never_heard_are_understood(recognizer: Recognizer, data_dir: Path) -> None:
    result = evaluate(recognizer, read_manifest(data_dir / "speech" / "manifest.jsonl"))
    assert result.errors.sentences == 6
    assert result.errors.cer < 0.2


def test_tokens_have_times_confidence_and_alternatives(recognizer: Recognizer, clip: Audio) -> None:
    transcript = recognizer.transcribe(clip)
    (segment,) = transcript.segments
    assert transcript.spoken == "".join(token.text for token in transcript.tokens)
    assert transcript.seconds == clip.seconds
    starts = [token.start for token in transcript.tokens]
    assert starts == sorted(starts)
    assert all(segment.start <= token.start <= token.end <= segment.end for token in transcript.tokens)
    for token in transcript.tokens:
        assert token.alternatives[0].text == token.text
        assert token.alternatives[0].probability == token.confidence
        assert 1.0 >= token.confidence >= token.alternatives[-1].probability > 0.0


def test_times_are_of_the_whole_recording(recognizer: Recognizer, clip: Audio) -> None:
    late = Audio(np.concatenate([np.zeros(3 * RATE, np.float32), clip.samples]))
    early, later = recognizer.transcribe(clip), recognizer.transcribe(late)
    assert later.tokens[-1].end - early.tokens[-1].end == pytest.approx(3.0, abs=0.3)


def test_the_same_audio_gives_the_same_transcript(recognizer: Recognizer, clip: Audio) -> None:
    first = recognizer.transcribe(clip)
    assert recognizer.transcribe(clip) == first
    assert open_recognizer().transcribe(clip) == first


def test_threads_share_one_recognizer(recognizer: Recognizer, clip: Audio) -> None:
    expected = recognizer.transcribe(clip)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(recognizer.transcribe, [clip] * 8))


def test_sentences_between_pauses_are_segments_of_their_own(recognizer: Recognizer, clip: Audio) -> None:
    pause = np.zeros(2 * RATE, np.float32)
    transcript = recognizer.transcribe(Audio(np.concatenate([clip.samples, pause, clip.samples, pause, clip.samples])))
    alone = recognizer.transcribe(clip).spoken
    assert len(transcript.segments) == 3
    assert all(count_errors(alone, segment.spoken).cer < 0.2 for segment in transcript.segments)


def test_segments_come_one_by_one_and_make_up_the_transcript(recognizer: Recognizer, clip: Audio) -> None:
    audio = Audio(np.concatenate([clip.samples, np.zeros(2 * RATE, np.float32), clip.samples]))
    segments = recognizer.segments(audio)
    first = next(segments)
    assert 0 < first.end / audio.seconds < 0.6
    assert (first, *segments) == recognizer.transcribe(audio).segments


def test_one_stretch_of_speech_is_recognised_without_a_detector(recognizer: Recognizer, clip: Audio) -> None:
    segment = recognizer.recognise(clip.samples, offset=100.0, formatting=PLAIN)
    assert segment is not None
    assert (segment.start, segment.end) == (100.0, 100.0 + clip.seconds)
    assert segment.tokens[0].start > 100.0
    assert count_errors(recognizer.transcribe(clip).spoken, segment.spoken).cer < 0.2
    assert recognizer.recognise(np.zeros(RATE, np.float32)) is None
    assert recognizer.recognise(np.zeros(0, np.float32)) is None


def test_long_speech_is_cut_and_none_of_it_lost(recognizer: Recognizer, clip: Audio) -> None:
    once = recognizer.transcribe(clip)
    transcript = recognizer.transcribe(Audio(np.tile(clip.samples, 8)))
    assert max(segment.end - segment.start for segment in transcript.segments) <= 10.1
    assert len(transcript.tokens) == pytest.approx(8 * len(once.tokens), rel=0.1)


def test_a_telephone_recording_is_understood_too(recognizer: Recognizer, clip: Audio) -> None:
    narrow = Audio(clip.samples[::2].copy(), sample_rate=RATE // 2)
    transcript = recognizer.transcribe(narrow)
    assert transcript.seconds == pytest.approx(clip.seconds, abs=0.01)
    assert len(transcript.tokens) == pytest.approx(len(recognizer.transcribe(clip).tokens), abs=2)


def noise(color: float) -> Callable[[], np.ndarray]:
    """Noise whose power falls with the frequency to the power of `color`: 0 white, 1 pink, 2 brown."""

    def make() -> np.ndarray:
        spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(len(TIME)))
        spectrum[1:] /= np.arange(1, len(spectrum)) ** (color / 2)
        samples = np.fft.irfft(spectrum, len(TIME))
        return samples / np.abs(samples).max()

    return make


def hum() -> np.ndarray:
    return sum(np.sin(2 * np.pi * 50 * k * TIME) / k for k in range(1, 8)) / 3


def clicks() -> np.ndarray:
    samples = np.zeros(len(TIME))
    for start in range(3000, len(TIME) - 400, 5300):
        samples[start : start + 200] = np.exp(-np.arange(200) / 30) * np.cos(np.arange(200))
    return samples


def beeps() -> np.ndarray:
    return np.sin(2 * np.pi * 1000 * TIME) * (TIME % 1 < 0.3)


def melody() -> np.ndarray:
    notes = 220 * 2 ** (np.random.default_rng(2).choice([0, 2, 4, 5, 7, 9, 11, 12], 10) / 12)
    frequency = np.repeat(notes, len(TIME) // 10)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    envelope = np.exp(-3 * (TIME % 0.4))
    return sum(np.sin(k * phase) / k**1.5 for k in range(1, 6)) * envelope / 2


def chord() -> np.ndarray:
    return sum(np.sin(2 * np.pi * frequency * TIME) for frequency in (261, 329, 392)) / 4


def dial_tones() -> np.ndarray:
    return (np.sin(2 * np.pi * 770 * TIME) + np.sin(2 * np.pi * 1336 * TIME)) * (TIME % 0.5 < 0.2) / 2


def silence() -> np.ndarray:
    return np.zeros(len(TIME))


@pytest.mark.parametrize("amplitude", [0.9, 0.3, 0.03])
@pytest.mark.parametrize(
    "make",
    [silence, noise(0), noise(1), noise(2), hum, clicks, beeps, melody, chord, dial_tones],
    ids=["silence", "white", "pink", "brown", "hum", "clicks", "beeps", "melody", "chord", "dial tones"],
)
def test_what_is_no_speech_gives_no_word(
    recognizer: Recognizer, make: Callable[[], np.ndarray], amplitude: float
) -> None:
    samples = np.clip(make() * amplitude, -1, 1).astype(np.float32)
    transcript = recognizer.transcribe(Audio(samples))
    assert transcript.text == ""
    assert transcript.segments == ()
    assert transcript.seconds == 4.0


@pytest.mark.parametrize("length", [0, 1, 399, 400, 1600])
def test_hardly_any_samples_give_no_word(recognizer: Recognizer, length: int) -> None:
    assert recognizer.transcribe(Audio(np.zeros(length, np.float32))).text == ""


def test_what_the_model_is_unsure_of_is_left_out(clip: Audio) -> None:
    strict = Recognizer(open_vad(EMBEDDED / "vad"), OnnxEngine(EMBEDDED / "paraformer"), min_confidence=1.0)
    assert strict.transcribe(clip).segments == ()
    assert strict.model_name == "WhisperParaformer"


def test_a_missing_model_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=str(tmp_path)):
        open_recognizer(tmp_path)
    with pytest.raises(ModelFileMissing, match=str(tmp_path)):
        open_recognizer(vad_dir=tmp_path)


@pytest.fixture
def command() -> Typer:
    app = Typer()
    app.command()(main)
    return app


def test_evaluation_prints_a_line_for_each_set_and_speaker_and_what_was_confused(
    command: Typer, data_dir: Path, clip: Audio, tmp_path: Path
) -> None:
    (tmp_path / "a.wav").write_bytes(encode_wav(clip))
    line = {"key": "a", "source": "a.wav", "target": "您叫姜欣子电话是幺七七五三幺九七九八三", "spk": "wang"}
    (tmp_path / "funasr.jsonl").write_text(json.dumps(line))
    sets = [str(data_dir / "speech" / "manifest.jsonl"), str(tmp_path / "funasr.jsonl")]
    done = CliRunner().invoke(command, [*sets, "--speakers"])
    assert done.exit_code == 0
    heading, *rows = done.stdout.splitlines()
    assert heading.split()[:3] == ["manifest", "sentences", "CER"]
    assert rows[0].split()[:2] == ["manifest.jsonl", "6"]
    assert ["funasr.jsonl", "1"] in [row.split()[:2] for row in rows]
    assert ["wang", "1"] in [row.split()[:2] for row in rows]
    assert any(row.startswith("peak memory ") for row in rows)
    assert any("您 nín → 我 wǒ" in row for row in rows)


def test_evaluation_prints_json_and_the_wrong_sentences(command: Typer, clip: Audio, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encode_wav(clip))
    (tmp_path / "some.jsonl").write_text('{"id": "a", "audio_filepath": "a.wav", "text": "完全不同", "voice": "li"}')
    done = CliRunner().invoke(command, [str(tmp_path / "some.jsonl"), "--json", "--errors"])
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    (result,) = report["sets"]
    assert result["characters"] == 4
    assert result["cer"] > 1.0
    assert sum(confusion["count"] for confusion in result["confusions"]) == result["substitutions"]
    assert [(one["name"], one["cer"]) for one in result["speakers"]] == [("li", result["cer"])]
    assert report["threads"] == 1
    assert report["peak_memory_mb"] > 50
    assert "完全不同" in done.stderr


def test_a_broken_line_of_a_manifest_is_said_without_a_traceback(command: Typer, tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text('{"id": "a", "text": "完全不同"}')
    done = CliRunner().invoke(command, [str(tmp_path / "some.jsonl")])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert "some.jsonl:1" in done.stderr.replace("\n", "").replace("│", "").replace(" ", "")


def test_a_stretch_of_a_recording_is_measured_alone(recognizer: Recognizer, clip: Audio, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encode_wav(clip))
    line = {"id": "a", "audio_filepath": "a.wav", "text": "我叫姜欣子", "offset": 0.5, "duration": 1.0}
    (tmp_path / "some.jsonl").write_text(json.dumps(line))
    result = evaluate(recognizer, read_manifest(tmp_path / "some.jsonl"))
    assert result.audio_seconds == 1.0


def test_a_hotword_changes_the_very_next_transcript(recognizer: Recognizer, clip: Audio) -> None:
    plain = recognizer.transcribe(clip)
    assert plain.changes == ()
    first, second = plain.tokens[2].text, plain.tokens[3].text
    others = [token.alternatives[1].text for token in plain.tokens[2:4]]
    word = others[0] + others[1]
    changed = recognizer.transcribe(clip, HotwordList((Hotword(word, 100),)), tiers=frozenset({Tier.LATTICE}))
    assert [(change.word, change.heard, change.tier) for change in changed.changes] == [
        (word, first + second, "lattice")
    ]
    assert word in changed.text
    assert recognizer.transcribe(clip) == plain


def test_hotwords_bring_no_noise_to_life(recognizer: Recognizer) -> None:
    hotwords = HotwordList((Hotword("寻腔", 100), Hotword("的", 100)))
    samples = np.clip(noise(1)() * 0.9, -1, 1).astype(np.float32)
    assert recognizer.transcribe(Audio(samples), hotwords).text == ""


def test_evaluation_measures_what_hotwords_gain(command: Typer, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("姜欣子 40\n崂山\n")
    manifest = str(data_dir / "speech" / "manifest.jsonl")
    options = [manifest, "--hotwords", str(tmp_path / "words.txt")]
    done = CliRunner().invoke(command, [*options, "--json", "--errors"])
    assert done.exit_code == 0
    (result,) = json.loads(done.stdout)
    assert (result["words"], result["expected"], result["quiet"]) == (2, 1, 5)
    assert result["recall"] >= result["recall_without"]
    done = CliRunner().invoke(command, [*options, "--tier", "phonetic"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("| manifest.jsonl | 2 |")


def test_two_language_models_are_compared_on_what_was_heard_once(recognizer: Recognizer, clip: Audio) -> None:
    alone = recognizer.with_language(None)
    assert recognizer.compare(clip, alone) == (recognizer.transcribe(clip), alone.transcribe(clip))
    other = Recognizer(open_vad(EMBEDDED / "vad"), OnnxEngine(EMBEDDED / "paraformer"))
    with pytest.raises(ValueError, match="share"):
        recognizer.compare(clip, other)


def test_the_language_model_changes_between_transcripts_and_not_within_one(recognizer: Recognizer, clip: Audio) -> None:
    mine = recognizer.with_language(None)
    without, with_it = mine.transcribe(clip), recognizer.transcribe(clip)
    pause = np.zeros(clip.sample_rate, np.float32)
    twice = Audio(np.concatenate([clip.samples, pause, clip.samples]), clip.sample_rate)
    segments = mine.segments(twice)
    first = next(segments)
    mine.use_language(recognizer.language)
    begun_before = Transcript((first, *segments), twice.seconds)
    assert mine.language is recognizer.language
    assert begun_before == recognizer.with_language(None).transcribe(twice)
    assert mine.transcribe(clip) == with_it
    assert without != with_it
