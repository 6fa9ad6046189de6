"""OpenAI's route, through the client that its users have: the openai Python package, over a real socket."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import soundfile

from app.factory import build
from app.settings import Settings
from asr import Audio, Segment
from asr.errors import RecognitionFailed
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav
from tests.integration.conftest import start_server

CLIP = Path(__file__).parents[1] / "data" / "voice" / "doctor-tomorrow.wav"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The app with the embedded model."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("openai") / "data", max_file_bytes=2_000_000)
    client, stop = start_server(build(settings, page=None))
    yield client
    stop()


def client_of(server: httpx.Client, **options: object) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{str(server.base_url).rstrip('/')}/v1", api_key="none", max_retries=0, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(server: httpx.Client) -> openai.OpenAI:
    return client_of(server)


@pytest.fixture(scope="module")
def text(client: openai.OpenAI) -> str:
    """What the model hears in the clip."""
    return client.audio.transcriptions.create(model="whisper-1", file=CLIP).text


def test_the_text_of_a_clip_comes_back(client: openai.OpenAI, text: str) -> None:
    answer = client.audio.transcriptions.create(
        model="paraformer-embedded", file=CLIP, language="zh", temperature=0.2, prompt="以下是普通话的句子。"
    )
    assert "明天上午" in text
    assert answer.text == text
    assert answer.usage.type == "duration"  # type: ignore[union-attr]


def test_plain_text_and_subtitles_come_as_they_are(client: openai.OpenAI, text: str) -> None:
    def create(form: str) -> str:
        return str(client.audio.transcriptions.create(model="whisper-1", file=CLIP, response_format=form))  # type: ignore[call-overload]

    assert create("text").strip() == text
    assert create("vtt").startswith("WEBVTT")
    srt = create("srt")
    assert srt.startswith("1\n00:00:0")
    assert "-->" in srt


def test_words_and_segments_have_times_within_the_clip(client: openai.OpenAI, text: str) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper-1", file=CLIP, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert answer.text == text
    assert answer.language == "chinese"
    assert answer.segments is not None
    assert answer.words is not None
    assert "".join(segment.text for segment in answer.segments) == text
    times = [time for word in answer.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= answer.duration
    assert all(segment.avg_logprob <= 0 for segment in answer.segments)


def test_only_the_times_that_were_asked_for_come(client: openai.OpenAI) -> None:
    def create(**options: object) -> openai.types.audio.TranscriptionVerbose:
        return client.audio.transcriptions.create(  # type: ignore[call-overload,no-any-return]
            model="whisper-1", file=CLIP, response_format="verbose_json", **options
        )

    plain, words = create(), create(timestamp_granularities=["word"])
    assert plain.segments is not None
    assert plain.words is None
    assert words.segments is None
    assert words.words is not None


def test_the_text_streams_in_pieces_that_make_the_whole(client: openai.OpenAI, text: str) -> None:
    events = list(client.audio.transcriptions.create(model="whisper-1", file=CLIP, stream=True))
    *deltas, done = events
    assert done.type == "transcript.text.done"
    assert done.text == text
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert "".join(event.delta for event in deltas) == text  # type: ignore[union-attr]


def test_how_sure_the_model_was_can_be_asked_for(client: openai.OpenAI, text: str) -> None:
    answer = client.audio.transcriptions.create(model="whisper-1", file=CLIP, include=["logprobs"])
    assert answer.logprobs
    assert all(one.logprob is not None and one.logprob <= 0 for one in answer.logprobs)
    *_, done = client.audio.transcriptions.create(model="whisper-1", file=CLIP, stream=True, include=["logprobs"])
    assert len(done.logprobs or []) == len(answer.logprobs)


class Expecting(InstantRecognizer):
    """Writes down the hotwords that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[dict[str, int]] = []

    def segments(self, audio: Audio, hotwords: object = (), **_: object) -> Iterator[Segment]:  # type: ignore[override]
        self.expected.append({hotword.word: hotword.weight for hotword in hotwords})  # type: ignore[attr-defined]
        return super().segments(audio)


def test_prompt_and_keywords_are_hotwords_but_sentences_are_not(settings: Settings, serve: Serve) -> None:
    recognizer = Expecting()
    client = client_of(serve(build(settings, recognizer=recognizer, page=None)))
    for extra in (
        {"prompt": "阿里巴巴 30\n通义实验室"},
        {"prompt": "以下是普通话的句子。"},
        {"keywords": ["挂号", "儿科"]},
        {},
    ):
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav()), **extra)  # type: ignore[call-overload]
    assert recognizer.expected == [{"阿里巴巴": 30, "通义实验室": 20}, {}, {"挂号": 20, "儿科": 20}, {}]


def test_silence_is_an_empty_text_and_no_error(client: openai.OpenAI) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000), 16_000, format="WAV")
    form = ("silence.wav", file.getvalue())
    assert client.audio.transcriptions.create(model="whisper-1", file=form).text == ""
    verbose = client.audio.transcriptions.create(model="whisper-1", file=form, response_format="verbose_json")
    assert (verbose.text, verbose.segments) == ("", [])
    (done,) = client.audio.transcriptions.create(model="whisper-1", file=form, stream=True)
    assert (done.type, done.text) == ("transcript.text.done", "")  # type: ignore[union-attr]


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "paraformer-embedded"
    assert "whisper-1" in names
    assert client.models.retrieve("paraformer-embedded").owned_by == "tingshuo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("large")


@pytest.mark.parametrize(
    ("asked", "kind", "field", "code"),
    [
        ({"model": "large"}, openai.NotFoundError, "model", "model_not_found"),
        ({"response_format": "ass"}, openai.BadRequestError, "response_format", "field_invalid"),
        ({"response_format": "srt", "stream": True}, openai.BadRequestError, "response_format", "field_invalid"),
        ({"timestamp_granularities": ["word"]}, openai.BadRequestError, "response_format", "field_invalid"),
        (
            {"timestamp_granularities": ["line"], "response_format": "verbose_json"},
            openai.BadRequestError,
            "timestamp_granularities",
            "field_invalid",
        ),
        ({"file": ("a.wav", b"no sound")}, openai.BadRequestError, None, "audio_unreadable"),
        ({"file": ("a.wav", b"no sound"), "stream": True}, openai.BadRequestError, None, "audio_unreadable"),
        ({"file": ("a.wav", bytes(2_100_000))}, openai.APIStatusError, None, "upload_too_large"),
        ({"file": "no file"}, openai.BadRequestError, "file", "field_missing"),
    ],
)
def test_errors_have_openais_shape(
    client: openai.OpenAI, asked: dict[str, object], kind: type[openai.APIStatusError], field: str | None, code: str
) -> None:
    form = {"model": "whisper-1", "file": CLIP, **asked}
    if asked.get("file") == "no file":
        answer = httpx.post(f"{client.base_url}audio/transcriptions", files={"model": (None, "whisper-1")})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
        return
    with pytest.raises(kind) as caught:
        client.audio.transcriptions.create(**form)  # type: ignore[call-overload]
    assert (caught.value.code, caught.value.param, caught.value.type) == (code, field, "invalid_request_error")
    assert not re.search("[一-鿿]", caught.value.message)


def test_unknown_paths_and_bodies_answer_in_the_same_shape(server: httpx.Client) -> None:
    unknown = server.post("/v1/audio/speech", json={})
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "invalid_request_error")
    assert server.get("/v1/audio/transcriptions").status_code == 405
    assert server.post("/v1/audio/transcriptions", json={}).status_code == 415
    chinese = server.post("/v1/audio/speech", json={}, headers={"Accept-Language": "zh"})
    assert not chinese.json()["error"]["message"].isascii()


class Failing(InstantRecognizer):
    """Fails in the middle."""

    def segments(self, audio: Audio, hotwords: object = (), **_: object) -> Iterator[Segment]:  # type: ignore[override]
        yield from super().segments(audio)
        raise RecognitionFailed("on purpose")


def test_an_error_in_the_middle_reaches_the_client(settings: Settings, serve: Serve) -> None:
    client = client_of(serve(build(settings, recognizer=Failing(), page=None)))
    with pytest.raises(openai.InternalServerError) as whole:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav()))
    assert (whole.value.code, whole.value.type) == ("recognition_failed", "server_error")
    stream = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav()), stream=True)
    assert next(stream).type == "transcript.text.delta"
    with pytest.raises(openai.APIError) as late:
        next(stream)
    assert late.value.code == "recognition_failed"


def test_one_file_too_many_is_told_to_come_later_and_chat_goes_on(settings: Settings, serve: Serve) -> None:
    recognizer = GatedRecognizer()
    server = serve(build(settings.model_copy(update={"max_files": 1}), recognizer=recognizer, page=None))
    client = client_of(server)
    transcribe = partial(client.audio.transcriptions.create, model="whisper-1", file=("a.wav", wav()))
    with ThreadPoolExecutor(1) as another:
        first = another.submit(transcribe)
        assert recognizer.begun.acquire(timeout=20)
        with pytest.raises(openai.APIStatusError) as refused:
            transcribe()
        assert (refused.value.status_code, refused.value.code) == (503, "busy")
        assert int(refused.value.response.headers["retry-after"]) > 0
        assert Chat(server).write("你好")[-1]["role"] == "bot"
        recognizer.gate.set()
        assert first.result(20).text == recognizer.text
