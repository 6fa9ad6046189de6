"""Whatever is sent: a clear message in the chat, nothing crashes, nothing is lost."""

from __future__ import annotations

import io
import json
import socket
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve, wav


def _three_hours() -> bytes:
    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", 8000, 1, format="FLAC", subtype="PCM_16") as file:
        minute = np.zeros(8000 * 60, dtype=np.int16)
        for _ in range(180):
            file.write(minute)
    return target.getvalue()


UNUSABLE = {
    "empty": (b"", "audio_empty"),
    "truncated": (wav(2.0)[:20_000], "audio_truncated"),
    "not audio": (bytes(range(256)) * 40, "audio_unreadable"),
    "a text file named .wav": ("你好，我想挂号。".encode() * 100, "audio_unreadable"),
    "a web page": (b"<html><script>alert(1)</script></html>", "audio_unreadable"),
    "a playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "audio_unreadable"),
    "only a header": (wav()[:30], "audio_truncated"),
    "zero seconds": (wav(0.0), "audio_too_short"),
    "three hours": (_three_hours, "audio_too_long"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_unusable_recording_stays_in_the_chat_with_a_reason(chat: Chat, kind: str) -> None:
    recording, code = UNUSABLE[kind]
    content = recording() if callable(recording) else recording
    updates = chat.say(content)
    assert [update["status"] for update in updates] == ["recognizing", "failed"]
    assert updates[-1]["error"]["code"] in (code, "audio_unreadable")
    assert any("\u4e00" <= character <= "\u9fff" for character in updates[-1]["error"]["message"])
    assert chat.messages()[-1] == updates[-1]
    assert chat.write("你好")[-1]["role"] == "bot"


def test_what_could_not_be_decoded_is_kept_and_only_ever_saved(chat: Chat) -> None:
    page = b"<html><script>alert(1)</script></html>"
    failed = chat.say(page, name="../../evil.html")[-1]
    answer = chat.client.get("/" + failed["audio_url"])
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_the_name_of_an_upload_never_becomes_a_path(own_chat: Chat, settings: Settings) -> None:
    own_chat.say(wav(), name="../../../escaped.wav")
    kept = [path for path in (settings.data_dir / "audio").rglob("*") if path.is_file() and path.suffix in ("", ".wav")]
    assert len(kept) == 1
    assert kept[0].parent == settings.data_dir / "audio"
    assert not list(settings.data_dir.parent.rglob("escaped*"))


@pytest.mark.parametrize(
    "recording",
    [wav(sample_rate=8000), wav(sample_rate=48000, channels=2), wav(subtype="FLOAT"), wav(subtype="PCM_24")],
    ids=["8 kHz", "48 kHz stereo", "float", "24 bit"],
)
def test_recordings_of_other_shapes_are_taken(chat: Chat, recording: bytes) -> None:
    spoken = [update for update in chat.say(recording) if update["role"] == "user"]
    assert spoken[-1]["status"] == "done"
    assert spoken[-1]["seconds"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "libopus"), ("m4a", "aac"), ("mp3", "libmp3lame")])
def test_what_phones_and_browsers_record_is_taken(chat: Chat, tmp_path: Path, suffix: str, codec: str) -> None:
    source, target = tmp_path / "tone.wav", tmp_path / f"tone.{suffix}"
    source.write_bytes(wav(1.0))
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", source, "-c:a", codec, target], check=True
    )
    spoken = [update for update in chat.say(target.read_bytes(), target.name) if update["role"] == "user"]
    assert spoken[-1]["status"] == "done"


def test_a_recording_without_words_fails_kindly_and_can_be_tried_again(settings: Settings, serve: Serve) -> None:
    recognizer = InstantRecognizer("")
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    failed = chat.say(wav())[-1]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "no_speech")
    assert "没听清" in failed["error"]["message"]
    assert chat.client.get("/" + failed["audio_url"]).content.startswith(b"RIFF")
    assert chat.retry(failed["id"])[-1]["error"]["code"] == "no_speech"
    recognizer.text = "我要挂号"
    updates = chat.retry(failed["id"])
    assert [update["status"] for update in updates] == [
        "recognizing",
        "answering",
        "done",
        *["done"] * (len(updates) - 3),
    ]
    assert updates[2]["id"] == failed["id"]
    assert updates[2]["error"] is None


def test_html_is_text_like_any_other(chat: Chat) -> None:
    text = "<img src=x onerror=alert(1)><script>alert('我')</script>"
    updates = chat.write(text)
    assert updates[0]["text"] == text
    assert updates[-1]["role"] == "bot"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  你好\u0000\u0007\u001b[31m ", "你好[31m"),
        ("你好\u202e好你", "你好好你"),
        ("一\r\n二\t三", "一\n二\t三"),
        ("好的👩\u200d⚕️", "好的👩\u200d⚕️"),
        ("e\u0301", "é"),
    ],
)
def test_control_characters_are_taken_out_of_typed_text(chat: Chat, sent: str, kept: str) -> None:
    assert chat.write(sent)[0]["text"] == kept


@pytest.mark.parametrize("text", ["", "   ", "\u0000\u0001", "\n\n", "\u200b\u2060", "\u3000"])
def test_a_message_without_a_visible_character_is_refused(chat: Chat, text: str) -> None:
    answer = chat.client.post(chat.path, json={"text": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "text_empty")
    assert chat.messages() == chat.greeting


def test_a_typed_message_that_is_too_long_is_refused_with_the_limit(chat: Chat) -> None:
    answer = chat.client.post(chat.path, json={"text": "好" * 1001})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "text_too_long")
    assert "1000" in answer.json()["error"]["message"]
    assert chat.write("好" * 1000)[-1]["role"] == "bot"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"text": 5}',
        b'{"text": null}',
        b'{"words": "a"}',
        b'{"text": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 50_000,
        json.dumps({"text": "x"}).encode("utf-16"),
    ],
)
def test_invalid_json_is_refused_in_the_error_shape(chat: Chat, body: bytes) -> None:
    answer = chat.client.post(chat.path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert chat.messages() == chat.greeting


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"hello", 415),
        ({}, b"hello", 415),
        ({"Content-Type": "multipart/form-data"}, b"hello", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"garbage", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"", 422),
    ],
)
def test_other_bodies_are_refused_in_the_error_shape(
    chat: Chat, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = chat.client.post(chat.path, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_form_without_a_recording_is_refused(chat: Chat) -> None:
    for request in ({"files": {"sound": ("a.wav", wav())}}, {"data": {"audio": "a.wav"}, "files": {}}):
        answer = chat.client.post(chat.path, **request)
        assert answer.status_code in (415, 422)
    answer = chat.client.post(chat.path, files=[("audio", ("a.wav", wav())), ("audio", ("b.wav", wav()))])
    assert answer.status_code == 400


@pytest.fixture
def small(settings: Settings, serve: Serve) -> Chat:
    """A conversation in which recordings of at most 100 kB are taken, and bodies must arrive within a second."""
    limited = settings.model_copy(update={"max_upload_bytes": 100_000, "upload_timeout": 1.0})
    return Chat(serve(build(limited, recognizer=InstantRecognizer(), page=None)))


def test_a_body_over_the_limit_is_refused_before_it_is_read(small: Chat) -> None:
    with socket.create_connection(("127.0.0.1", small.client.base_url.port or 0), timeout=10) as connection:
        connection.sendall(
            f"POST {small.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 10000000000\r\n\r\n".encode()
        )
        answer = b""
        while b"upload_too_large" not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_hides_its_length_is_counted(small: Chat) -> None:
    def parts() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        for _ in range(100):
            yield bytes(10_000)
        yield b"\r\n--x--\r\n"

    answer = small.client.post(small.path, content=parts(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
    assert "97.7 KB" in answer.json()["error"]["message"]
    assert small.messages() == small.greeting


def test_a_recording_just_over_the_limit_is_refused(small: Chat) -> None:
    answer = small.client.post(small.path, files={"audio": ("a.wav", bytes(100_001))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


def test_a_body_that_does_not_arrive_is_given_up(small: Chat) -> None:
    with socket.create_connection(("127.0.0.1", small.client.base_url.port or 0), timeout=10) as connection:
        connection.sendall(
            f"POST {small.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            'Content-Length: 100\r\n\r\n{"text'.encode()
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_of_an_upload_harms_nobody(small: Chat) -> None:
    with socket.create_connection(("127.0.0.1", small.client.base_url.port or 0), timeout=10) as connection:
        connection.sendall(
            f"POST {small.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 50000\r\n\r\n--x\r\n".encode()
        )
    assert small.write("你好")[-1]["role"] == "bot"
