"""Making the language model: fetched from a mirror, checked, cut to the vocabulary."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from asr.lm import open_language_model
from asr.training import language

ARPA = "\\1-grams:\n-1.0\t我\t-0.1\n-1.5\t想\n-2.0\tABC\n\\2-grams:\n-0.5\t我 想\n-0.5\t我 ABC\n\\end\\\n"


def packed(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a source package, on the second of two mirrors; the first has nothing."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    content = packed(language._MODEL, packed(language._ARPA, ARPA.encode()))
    (folder / language.SOURCE).write_bytes(content)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(language, "MIRRORS", (f"{address}gone/", address))
    monkeypatch.setattr(language, "SHA256", hashlib.sha256(content).hexdigest())
    yield folder
    server.shutdown()


def test_the_recipes_text_is_mixed_in(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "language.npz"
    language.make_language_model(["<blank>", "我", "想", "睡"], ["我想睡", "我睡"], out)
    model = open_language_model(out)
    assert set(model.words) == {"<s>", "我", "想", "睡"}
    assert model.score(["我", "想", "睡"]) > model.score(["睡", "想", "我"])


def test_only_what_the_recogniser_can_write_is_kept(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "language.npz"
    language.make_language_model(["我", "想"], ["我想睡", "想我"], out)
    assert set(open_language_model(out).words) == {"<s>", "我", "想"}


def test_another_file_than_the_one_meant_is_refused(mirror: Path, tmp_path: Path) -> None:
    (mirror / language.SOURCE).write_bytes(b"something else")
    with pytest.raises(ValueError, match="checksum"):
        language.make_language_model(["我"], ["我"], tmp_path / "language.npz")
    assert not (tmp_path / "language.npz").exists()


def test_no_mirror_is_an_error(mirror: Path, tmp_path: Path) -> None:
    (mirror / language.SOURCE).unlink()
    with pytest.raises(OSError, match="cannot be fetched"):
        language.make_language_model(["我"], ["我"], tmp_path / "language.npz")
