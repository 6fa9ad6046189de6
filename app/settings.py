"""All that can be set, from the environment or a `.env` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _on_space() -> bool:
    return bool(os.environ.get("SPACE_ID"))


class Settings(BaseSettings):
    """The settings of one running app; every field is read from TINGSHUO_ plus its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TINGSHUO_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    host: str = Field(default_factory=lambda: "0.0.0.0" if _on_space() else "127.0.0.1")
    """The address to listen on; a Hugging Face Space listens on all."""
    port: int = Field(default=7860, ge=0, le=65535)
    """The port to listen on; 0 lets the system choose a free one."""
    data_dir: Path = Path("data")
    """The folder of the database and the recordings; made when it is missing."""
    database_url: str = ""
    """Any SQLAlchemy URL; empty means SQLite inside data_dir."""
    model_dir: Path | None = None
    """The folder of the acoustic model; empty means the embedded one."""
    domain: str = "clinic"
    """The bot's domain: a name from bot/domains or the path of a YAML file."""
    workers: int = Field(default_factory=lambda: min(2, os.cpu_count() or 1), ge=1, le=64)
    """How many recordings are recognised at the same time."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of one recognition; workers times threads should not exceed the cores."""
    max_waiting: int = Field(default=16, ge=0, le=10_000)
    """How many messages may wait for a worker before new ones are told to come later."""
    max_upload_bytes: int = Field(default=50 * 2**20, ge=1)
    """The largest recording taken, in bytes."""
    max_audio_seconds: float = Field(default=600.0, gt=0)
    """The longest recording taken, in seconds."""
    max_file_bytes: int = Field(default=512 * 2**20, ge=1)
    """The largest file taken for transcription, in bytes: three hours of 16 kHz WAV are 330 MB."""
    max_file_seconds: float = Field(default=4 * 3600.0, gt=0)
    """The longest file taken for transcription, in seconds."""
    max_files: int = Field(default=16, ge=1, le=10_000)
    """How many files may be on their way before new ones are told to come later."""
    file_workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1, le=64)
    """How many pieces of files are recognised at the same time; chat messages go before them."""
    max_record_seconds: float = Field(default=60.0, gt=0)
    """How long the button can be held, in seconds."""
    max_text_characters: int = Field(default=1000, ge=1)
    """The longest typed message taken, in characters."""
    decode_timeout: float = Field(default=30.0, gt=0)
    """How long decoding one recording may take, in seconds."""
    upload_timeout: float = Field(default=120.0, gt=0)
    """How long the body of one request may take to arrive, in seconds."""
    shutdown_timeout: float = Field(default=10.0, gt=0)
    """How long messages in flight may go on after the signal to stop, in seconds."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins beside the app's own whose pages may send requests, as JSON: ["https://chat.example.org"]."""
    frame_ancestors: str = Field(
        default_factory=lambda: "'self' https://huggingface.co https://*.hf.space" if _on_space() else "'self'"
    )
    """Which pages may show this one in a frame, in the words of Content-Security-Policy."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    log_json: bool = False
    """Whether log lines are JSON, for machines, instead of text."""
