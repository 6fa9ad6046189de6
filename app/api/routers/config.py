"""What a client needs to know before its first message: limits, the model, recordings to try."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter

from app.api.dependencies import LanguageDependency, ModelDependency, SettingsDependency
from app.api.routers.model import Model
from app.version import VERSION

router = APIRouter(prefix="/api", tags=["config"])

EXAMPLES = Path(__file__).parents[3] / "assets" / "examples"


class Example(BaseModel):
    """A recording that a visitor without a microphone can send."""

    title: str
    url: str
    text: str
    seconds: float
    domain: str


class Config(BaseModel):
    """What a client needs to know before its first message."""

    max_bytes: int
    max_seconds: float
    max_record_seconds: float
    max_text_characters: int
    version: str
    model: Model
    examples: list[Example]


class _ListedExample(BaseModel):
    title: dict[str, str]
    file: str
    text: str
    seconds: float
    domain: str


_LIST = TypeAdapter(list[_ListedExample])


def list_examples(language: str, folder: Path = EXAMPLES) -> list[Example]:
    """Return the recordings that `folder`/manifest.json names and that are there, with titles in `language`."""
    listing = folder / "manifest.json"
    if not listing.is_file():
        return []
    return [
        Example(
            title=listed.title[language],
            url=f"ui/examples/{listed.file}",
            text=listed.text,
            seconds=listed.seconds,
            domain=listed.domain,
        )
        for listed in _LIST.validate_json(listing.read_bytes())
        if (folder / listed.file).is_file()
    ]


@router.get("/config")
def config(settings: SettingsDependency, model: ModelDependency, language: LanguageDependency) -> Config:
    """Return the limits, the model and the example recordings."""
    return Config(
        max_bytes=settings.max_upload_bytes,
        max_seconds=settings.max_audio_seconds,
        max_record_seconds=settings.max_record_seconds,
        max_text_characters=settings.max_text_characters,
        version=VERSION,
        model=Model.of(model, language),
        examples=list_examples(language),
    )
