"""The whole way of a voice message with the embedded model, the real bot, a real database."""

from __future__ import annotations

import io
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from rapidfuzz.distance import Levenshtein

from app.factory import build
from app.settings import Settings
from asr import decode_audio
from tests.integration.client import Chat, Serve, wav

SPEECH = Path(__file__).parents[1] / "data" / "speech"
TEXTS = {
    line["id"]: line["text"] for line in map(json.loads, (SPEECH / "manifest.jsonl").read_text("utf-8").splitlines())
}
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def chat(settings: Settings, serve: Serve) -> Chat:
    """A conversation that hears with the embedded model, on a Friday morning."""
    return Chat(serve(build(settings, clock=lambda: FRIDAY, page=None)))


def _said(updates: list[dict]) -> dict:
    return [update for update in updates if update["role"] == "user"][-1]


def _speech(name: str, sample_rate: int, channels: int, subtype: str) -> bytes:
    import soxr

    audio = decode_audio((SPEECH / f"{name}.ogg").read_bytes())
    samples = soxr.resample(audio.samples, audio.sample_rate, sample_rate)
    target = io.BytesIO()
    soundfile.write(target, np.stack([samples] * channels, axis=1), sample_rate, format="WAV", subtype=subtype)
    return target.getvalue()


def test_what_is_said_is_understood_and_the_bot_asks_on(chat: Chat) -> None:
    updates = chat.say((SPEECH / "k001026.ogg").read_bytes(), "k001026.ogg")
    said = _said(updates)
    assert said["status"] == "done"
    assert Levenshtein.distance(said["text"], TEXTS["k001026"]) <= 3
    assert said["seconds"] == pytest.approx(4.0, abs=0.1)
    answer = "".join(update["text"] for update in updates if update["role"] == "bot")
    assert "心血管" in answer or "姓名" in answer or "叫什么" in answer


def test_an_appointment_is_booked_by_voice_and_text_and_lies_in_the_database(chat: Chat, settings: Settings) -> None:
    chat.say((SPEECH / "k001026.ogg").read_bytes(), "k001026.ogg")
    for turn in ("心血管内科", "明天下午", "姜欣子", "17753197983", "对", "对", "对"):
        if _appointments(settings):
            break
        chat.write(turn)
    [(department, date, half_day, patient, phone)] = _appointments(settings)
    assert (date, patient, phone) == ("2026-11-21", "姜欣子", "17753197983")
    assert "心" in department
    assert half_day


def _appointments(settings: Settings) -> list[tuple[str, ...]]:
    with sqlite3.connect(settings.data_dir / "tingshuo.db") as database:
        return database.execute("SELECT department, date, half_day, patient, phone FROM appointment").fetchall()


@pytest.mark.parametrize(
    ("sample_rate", "channels", "subtype"), [(8000, 1, "PCM_16"), (48000, 2, "PCM_16"), (44100, 1, "FLOAT")]
)
def test_the_same_words_are_heard_whatever_the_shape_of_the_recording(
    chat: Chat, sample_rate: int, channels: int, subtype: str
) -> None:
    said = _said(chat.say(_speech("k001180", sample_rate, channels, subtype)))
    # 8 kHz lacks half of the spectrum: a character may go wrong, the sentence may not.
    assert Levenshtein.distance(said["text"], TEXTS["k001180"]) <= (2 if sample_rate == 8000 else 1)


@pytest.mark.parametrize("level", [0.0, 0.003])
def test_silence_and_hiss_are_not_words(chat: Chat, level: float) -> None:
    target = io.BytesIO()
    hiss = np.random.default_rng(1).normal(0, 1, 32000) * level
    soundfile.write(target, hiss, 16000, format="WAV", subtype="PCM_16")
    said = _said(chat.say(target.getvalue()))
    assert (said["status"], said["error"]["code"]) == ("failed", "no_speech")


def test_a_very_short_recording_is_answered_not_crashed_on(chat: Chat) -> None:
    assert _said(chat.say(wav(0.01)))["status"] == "failed"


def test_the_transcript_is_kept_with_times_and_candidates(chat: Chat, settings: Settings) -> None:
    said = _said(chat.say((SPEECH / "k001180.ogg").read_bytes(), "a.ogg"))
    with sqlite3.connect(settings.data_dir / "tingshuo.db") as database:
        [(data,)] = database.execute("SELECT data FROM transcript WHERE message_id = ?", (said["id"],))
    tokens = [token for segment in json.loads(data)["segments"] for token in segment["tokens"]]
    assert "".join(token["text"] for token in tokens) + "。" == said["text"]
    assert all(0 <= token["start"] <= token["end"] <= said["seconds"] + 0.01 for token in tokens)
    assert tokens[0]["alternatives"][0][0] == tokens[0]["text"]
