"""Every error has a status, and a text in every language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from fastapi import Request

from app.api import errors
from app.errors import INTERNAL_ERROR, AppError, Busy, NoSpeech, TextTooLong
from asr.errors import AsrError, AudioTooLong, ModelFileMissing
from bot.errors import BotError


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _below(child)


KINDS = [kind for tree in (AppError, AsrError, BotError) for kind in _below(tree)]
ERRORS = {
    language: json.loads((errors.LOCALES / f"{language}.json").read_text("utf-8"))["errors"]
    for language in errors.LANGUAGES
}
PLACES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_text_and_a_status(kind: type[Exception]) -> None:
    assert kind.__doc__
    assert 400 <= errors.status(kind("why")) <= 599
    for language in errors.LANGUAGES:
        assert ERRORS[language][kind.code], language  # type: ignore[attr-defined]


def test_all_languages_have_the_same_texts_with_the_same_values_in_them() -> None:
    first, *others = ERRORS.values()
    for other in others:
        assert other.keys() == first.keys()
        for code in first:
            assert set(PLACES.findall(other[code])) == set(PLACES.findall(first[code])), code


def test_no_text_is_for_an_error_that_does_not_exist() -> None:
    used = {kind.code for kind in KINDS} | {*errors._CODES.values(), INTERNAL_ERROR}  # type: ignore[attr-defined]
    assert set(ERRORS["zh"]) == used


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Busy("why"), 503),
        (TextTooLong("why"), 422),
        (NoSpeech("why"), 422),
        (AudioTooLong("why"), 422),
        (ModelFileMissing("why"), 503),
    ],
)
def test_the_most_exact_class_gives_the_status(error: Exception, status: int) -> None:
    assert errors.status(error) == status


def test_values_are_written_as_people_write_them() -> None:
    assert "50 MB" in errors.sentence("upload_too_large", {"max_bytes": 50 * 2**20}, "en")
    assert "600 s" in errors.sentence("audio_too_long", {"max_seconds": 600.0}, "en")
    assert "2 KB" in errors.sentence("upload_too_large", {"max_bytes": 2048}, "zh")


def test_a_missing_value_does_not_break_the_sentence() -> None:
    assert "…" in errors.sentence("audio_too_long", {}, "zh")


def test_an_unknown_code_reads_as_an_internal_error() -> None:
    assert errors.sentence("from_the_future", {}, "en") == ERRORS["en"]["internal_error"]


def test_folders_of_the_server_are_not_shown() -> None:
    shown = errors.body("model_file_missing", {"folder": "/srv/models", "file": "model.onnx"}, "zh")
    assert shown.error.details == {}
    assert "/srv" not in shown.error.message


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB;q=0.5, zh-TW;q=0.4", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, de;q=0.9", "zh"),
        ("fr, en;q=0.1", "en"),
        ("en;q=many, zh", "zh"),
        ("en;q=0", "zh"),
    ],
)
def test_the_language_is_what_the_browser_likes_best(accepted: str, language: str) -> None:
    request = Request({"type": "http", "headers": [(b"accept-language", accepted.encode())]})
    assert errors.language(request) == language
