"""All that can be set, from the environment or a `.env` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, IPvAnyNetwork, TypeAdapter, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from asr.engines import Device, EngineKind, RemoteMode


def _on_space() -> bool:
    return bool(os.environ.get("SPACE_ID"))


_PRIVATE_NETWORKS = frozenset({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"})


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
    audio_url: str = Field(default="", pattern=r"^(s3://[^/\s]+(/[^\s]*)?)?$")
    """Where recordings are kept instead of in data_dir: s3://bucket/prefix of any store that speaks S3."""
    model: str = "auto"
    """The model: a short name, a ModelScope id, a folder, `embedded`; `auto` is paraformer-zh where it can be had."""
    model_cache: Path | None = None
    """Where downloaded models are kept; empty means a folder of the user's cache."""
    hub_url: str = ""
    """The hub that models come from; empty means ModelScope."""
    hub_sources: str = "auto"
    """Hubs to ask, in order: `modelscope,huggingface`; `auto` asks the nearer first, or a hub_url alone."""
    domain: str = "clinic"
    """The bot's domain: a name from bot/domains or the path of a YAML file."""
    bot_backend: Literal["builtin", "rasa", "openai", "webhook"] = "builtin"
    """Another bot that answers: a Rasa server, a language model over OpenAI's API, or any webhook."""
    bot_role: Literal["front", "fallback"] = "front"
    """Whether that bot answers first, or only what the built-in one did not understand three times."""
    bot_url: str = Field(default="", pattern="^(https?://.+)?$")
    """Where that bot is: Rasa's own url, the url that ends in /v1, or the webhook's; no other host is ever asked."""
    bot_key: str = Field(default="", repr=False)
    """The key that is sent to that bot as a bearer token."""
    bot_model: str = ""
    """The name of the language model."""
    bot_timeout: float = Field(default=10.0, gt=0)
    """How long that bot may take to answer, in seconds, before the built-in one does."""
    workers: int = Field(
        default_factory=lambda: min(2, os.cpu_count() or 1), ge=1, le=64, json_schema_extra={"default_shown": "2"}
    )
    """How many recordings are recognised at the same time; no more than there are cores."""
    threads: int = Field(default=0, ge=0, le=64)
    """Threads of one recognition; 0 measures at the start what is fastest on the cores that the workers share."""
    engine: EngineKind = "auto"
    """What runs the acoustic model: onnx, torch, remote, sherpa, ctc, or auto, as the model's files say."""
    device: Device = "auto"
    """What it runs on: cpu, cuda, or auto, the GPU where the engine can use one."""
    engine_url: str = Field(default="", pattern=r"^(wss?://[^\s]+)?$")
    """The FunASR server that the engine remote speaks to, as ws://host:port or wss://host:port."""
    engine_mode: RemoteMode = "offline"
    """The mode in which that server is used: offline, or 2pass for one that offers nothing else."""
    engine_verify: bool = True
    """Whether that server's certificate is checked; false for the self-signed one that FunASR brings."""
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
    file_workers: int = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 1) // 2),
        ge=1,
        le=64,
        json_schema_extra={"default_shown": "half of the cores"},
    )
    """How many pieces of files are recognised at the same time; chat messages go before them."""
    max_record_seconds: float = Field(default=60.0, gt=0)
    """How long the button can be held, in seconds."""
    max_sessions: int = Field(default=16, ge=1, le=10_000)
    """How many people may be listened to at the same time before one more is told to come later."""
    max_session_seconds: float = Field(default=4 * 3600.0, gt=0)
    """The longest live session, in seconds of audio."""
    funasr_port: int | None = Field(default=None, ge=0, le=65535)
    """A port that speaks nothing but FunASR's WebSocket protocol; 10095 is the one its clients expect. Empty: none."""
    funasr_certificate: Path | None = None
    """A PEM file with the certificate of that port, which then speaks wss://."""
    funasr_key: Path | None = None
    """A PEM file with the key of that certificate; empty when it is in the same file."""
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
    open: bool = Field(default_factory=_on_space)
    """Whether everybody may use the app without a login, each browser as a person of its own; a Space is open."""
    users: str = Field(default="", repr=False)
    """Who may log in: `name:hash` entries with commas between, as `python -m app password` makes them."""
    users_file: Path | None = None
    """A file with more users, one `name:hash` a line."""
    user_header: str = ""
    """The header in which a trusted proxy names who logged in there, for example Remote-User."""
    trusted_proxies: frozenset[str] = Field(default_factory=lambda: _PRIVATE_NETWORKS if _on_space() else frozenset())
    """Addresses and networks of proxies whose X-Forwarded-For, -Proto and user_header are taken, as JSON."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names beside localhost by which an app without a login may be reached, as JSON."""
    admins: frozenset[str] = frozenset()
    """Names of the users who may see /metrics and what else is for operators, as JSON."""
    session_hours: float = Field(default=336.0, gt=0)
    """How long a login lasts, in hours."""
    requests_per_minute: int = Field(default_factory=lambda: 120 if _on_space() else 600, ge=0)
    """How many requests a person, or an address, may make; 0 is any number (a Space: 120; localhost has no limits)."""
    audio_seconds_per_hour: float = Field(default_factory=lambda: 1200.0 if _on_space() else 7200.0, ge=0)
    """Seconds of audio that a person, or an address, may have recognised in an hour; 0 is any (a Space: 1200)."""
    max_streams: int = Field(default_factory=lambda: 4 if _on_space() else 16, ge=0)
    """How many requests with a body a person, or an address, may have under way; 0 is any number (a Space: 4)."""
    max_stored_bytes: int = Field(default_factory=lambda: 100 * 2**20 if _on_space() else 2 * 2**30, ge=0)
    """How much the recordings of one person may take, in bytes; 0 is any amount (a Space: 100 MB)."""
    keep_days: float = Field(default=0.0, ge=0)
    """How long conversations and transcriptions are kept after their last use, in days; 0 is for ever."""
    keep_bytes: int = Field(default=0, ge=0)
    """How much all recordings may take together before the oldest conversations go, in bytes; 0 is any amount."""
    min_free_bytes: int = Field(default=200 * 2**20, ge=0)
    """How much room the disk must have for /ready to say that all is well, in bytes."""
    lm_workers: int = Field(default=1, ge=0, le=16)
    """How many trainings of language models this process works on; 0 leaves them to others."""
    lm_jobs_at_once: int = Field(default=1, ge=1, le=64)
    """How many trainings may run at the same time, in all processes together."""
    lm_max_jobs: int = Field(default=100, ge=1, le=10_000)
    """How many trainings may be unfinished before new ones are told to come later."""
    lm_max_corpus_bytes: int = Field(default=32 * 2**20, ge=1)
    """The largest request for a training taken, in bytes: its sentences."""
    lm_memory_bytes: int = Field(default=4 * 2**30, ge=2**28)
    """How much memory one step of a training may use, in bytes."""
    lm_step_seconds: float = Field(default=1800.0, gt=0)
    """How long one step of a training may take, in seconds."""
    lm_lease_seconds: float = Field(default=30.0, gt=0)
    """After how many seconds of silence a worker is taken for dead, and its training goes on elsewhere."""
    lm_cer_tolerance: float = Field(default=0.003, ge=0)
    """By how much the character error rate of the check set may rise before a new model is refused; 0.003 is 0.3 %."""
    lm_perplexity_tolerance: float = Field(default=1.0, gt=0)
    """How many times the perplexity of before the held-out sentences may have before a new model is refused."""
    lm_callback_origins: frozenset[str] = frozenset()
    """Origins that are told how a training ended when it asks for that, as JSON: ["https://ops.example.org"]."""
    lm_callback_secret: str = Field(default="", repr=False)
    """The secret that callbacks are signed with, by HMAC-SHA256."""
    lm_broker: str = Field(default="", repr=False, pattern="^(amqps?://.+)?$")
    """A RabbitMQ server, as amqp://user:password@host, that wakes workers of trainings on other machines."""
    lm_source: str = Field(default="", pattern="^(https?://.+)?$")
    """Another Tingshuo whose published language models this one takes over and uses."""
    lm_source_key: str = Field(default="", repr=False)
    """A key of that server's with the scope admin."""
    lm_poll_seconds: float = Field(default=5.0, gt=0)
    """How often each process looks whether another language model was published, in seconds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    log_json: bool = False
    """Whether log lines are JSON, for machines, instead of text."""

    @property
    def in_frame_of_other_site(self) -> bool:
        """Whether a page of another site may show this one in a frame."""
        return any(source not in ("'self'", "'none'") for source in self.frame_ancestors.split())

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.engine == "remote" and not self.engine_url:
            raise ValueError("engine remote needs engine_url: the address of the FunASR server")
        return self

    @model_validator(mode="after")
    def _check_proxies(self) -> Self:
        networks = TypeAdapter(list[IPvAnyNetwork])
        networks.validate_python(sorted(self.trusted_proxies))
        if (self.bot_backend != "builtin") != bool(self.bot_url):
            raise ValueError("bot_backend and bot_url belong together: set both or neither")
        if self.lm_callback_origins and not self.lm_callback_secret:
            raise ValueError("lm_callback_origins needs lm_callback_secret: nobody could tell who calls")
        if self.user_header and not self.trusted_proxies:
            raise ValueError("user_header needs trusted_proxies: otherwise anybody could send it")
        return self
