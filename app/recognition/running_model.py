"""Which model recognises, and how a better one takes its place while the app runs.

The app starts at once on what is on the disk: the model that was asked for, else the embedded one. What is missing is
downloaded in the background, and recognises from the next message on when it is whole; after it comes the punctuation
model that goes with it. Without a network the embedded model stays, the page says so, and the download is tried again
later.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import structlog

from app.recognition.protocols import Recognizer
from app.settings import Settings
from asr import FORMATTED, Audio, Formatting, HotwordList, Segment, Tier, Transcript, open_recognizer
from asr.audio.frontend import Samples
from asr.decoding import ALL_TIERS
from asr.engines import EngineOptions
from asr.engines.onnx.streaming import ChunkSize
from asr.errors import AsrError, HubUnreachable, ModelError
from asr.hotwords.list import EMPTY
from asr.hub import (
    AUTO,
    AUTO_MODEL,
    EMBEDDED,
    DownloadProgress,
    Source,
    card_of,
    default_cache,
    fetch,
    locate,
    open_sources,
)
from asr.lm import NgramModel
from asr.partials import StreamPartials
from asr.recognizer import Recognizer as OfflineRecognizer
from asr.text.finishing import open_finisher
from asr.vad.fsmn import VoiceActivityStream

log = structlog.get_logger(__name__)

EMBEDDED_NAME = "paraformer-embedded"
REMOTE_NAME = "funasr-server"
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds before a hub that could not be reached is asked again
_LOG_EVERY = 10.0  # seconds between two lines about a download

Reason = Literal["embedded", "chosen", "downloading", "unavailable"]


class RunningModel:
    """The recogniser of one app, whichever it is at the moment; safe to share between threads.

    `name` is the model that recognises, `reason` why this one. Where `wanted` is another, `progress` tells how far its
    download is, or `error` why there is none. Where nothing can recognise, `broken` says why, and every recognition
    raises it.
    """

    def __init__(self, settings: Settings, recognizer: Recognizer | None = None) -> None:
        """Recognise with `recognizer`, or with what `open` finds for None."""
        self.name = EMBEDDED_NAME
        self.reason: Reason = "embedded"
        self.wanted = ""
        self.progress: DownloadProgress | None = None
        self.error: AsrError | None = None
        self.broken: ModelError | None = None
        self._settings = settings
        self._punctuation = ""  # the model for it that goes with the one wanted
        self._cache = settings.model_cache or default_cache()
        self._current = recognizer
        self._given = recognizer is not None
        self._switching = threading.Lock()
        self._published: NgramModel | None = None
        self._own: NgramModel | None = None  # the language model that came with the acoustic one
        self.folder: Path | None = None
        """The folder of the acoustic model; None for the embedded one."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open what is on the disk, and begin to download what is not."""
        if self._given:
            return
        asked = self._settings.model.strip()
        self.wanted = AUTO_MODEL if asked == AUTO else asked
        try:
            self._open_asked(is_folder=Path(asked).is_absolute() or asked.startswith((".", "~")))
        except ModelError as error:
            log.error("no model: voice messages will fail", code=error.code, reason=str(error))
            self.broken = error

    def close(self) -> None:
        """Stop a download; the next start goes on with it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The units that the model can write, or None where that is not known."""
        return getattr(self._current, "vocabulary", None)

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        """Return what is said in `audio`; raises what the recogniser raises."""
        return self._recognizer().transcribe(audio, hotwords)

    def segments(
        self, audio: Audio, hotwords: HotwordList = EMPTY, *, formatting: Formatting = FORMATTED
    ) -> Iterator[Segment]:
        """Yield what is said in `audio`; raises what the recogniser raises."""
        return self._recognizer().segments(audio, hotwords, formatting=formatting)

    def use_language(self, language: NgramModel | None) -> None:
        """Recognise with another language model from the next utterance on; None is the acoustic model's own.

        It stays in use when the acoustic model changes. A remote engine has a language model of its own.
        """
        with self._switching:
            self._published = language
            if isinstance(self._current, OfflineRecognizer):
                self._current.use_language(language or self._own)

    def with_language(self, language: NgramModel | None) -> Recognizer:
        """Return the recogniser with another language model, to try it; None is the acoustic model's own."""
        recognizer = self._recognizer()
        if not isinstance(recognizer, OfflineRecognizer):
            return recognizer
        return recognizer.with_language(language or self._own)

    def stream(self, *, end_silence: float | None = None) -> VoiceActivityStream:
        """Begin to find the speech of live audio."""
        return self._recognizer().stream(end_silence=end_silence)

    def partials(self, chunk: ChunkSize | None = None, *, punctuation: bool = True) -> StreamPartials | None:
        """Partial a stretch with the model that runs now."""
        return self._recognizer().partials(chunk, punctuation=punctuation)

    def recognise(
        self,
        samples: Samples,
        *,
        offset: float = 0.0,
        hotwords: HotwordList = EMPTY,
        tiers: frozenset[Tier] = ALL_TIERS,
        formatting: Formatting = FORMATTED,
    ) -> Segment | None:
        """Recognise one stretch of speech; raises what the recogniser raises."""
        return self._recognizer().recognise(
            samples, offset=offset, hotwords=hotwords, tiers=tiers, formatting=formatting
        )

    def _recognizer(self) -> Recognizer:
        if self.broken is not None:
            raise self.broken
        assert self._current is not None, "the model is not open yet"
        return self._current

    def _open_asked(self, *, is_folder: bool) -> None:
        if self._settings.engine == "remote":
            self._run(None, REMOTE_NAME, "chosen")
            return
        if self.wanted == EMBEDDED:
            self._run(None, EMBEDDED_NAME, "embedded")
            return
        if is_folder:  # a folder that is not there must not be taken for the name of a model to download
            folder = Path(self.wanted).expanduser()
            self.name = folder.name
            self._run(folder, self.name, "chosen")
            return
        found = locate(self.wanted, self._cache)
        self._punctuation = "" if Path(self.wanted).is_dir() else card_of(self.wanted).punctuation
        if found is None:
            self._run(None, EMBEDDED_NAME, "downloading")
        else:
            self.name = self.wanted
            self._run(found, self.name, "chosen")
        if found is None or (self._punctuation and locate(self._punctuation, self._cache) is None):
            self._thread = threading.Thread(target=self._download, name="model-download", daemon=True)
            self._thread.start()

    def _run(self, folder: Path | None, name: str, reason: Reason) -> None:
        options = _engine(self._settings)
        punctuation = None
        if reason != "chosen":  # the embedded model has one engine, whatever is set for the one that is wanted
            options = replace(options, kind="auto")
        elif self._punctuation:
            punctuation = locate(self._punctuation, self._cache)
        recognizer = open_recognizer(folder, punctuation_dir=punctuation, engine=options)
        with self._switching:
            self._own, self.folder = recognizer.language, folder
            if self._published is not None:
                recognizer.use_language(self._published)
            self._current = recognizer
        self.name, self.reason, self.error, self.progress = name, reason, None, None
        log.info("model open", model=name, reason=reason)

    def _download(self) -> None:
        """Fetch the model that is wanted, then the punctuation model that goes with it; go over to each as it comes."""
        if self.reason != "chosen" and not self._persist(self._fetch_model, self._stand_in):
            return
        if self._punctuation:
            self._persist(self._fetch_punctuation, self._leave_marks)

    def _persist(self, attempt: Callable[[], None], failed: Callable[[AsrError], None]) -> bool:
        """Attempt it until the hub can be reached; return whether it came to an end."""
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                attempt()
                return True
            except _StoppedError:
                return False
            except AsrError as error:
                failed(error)
                if not isinstance(error, HubUnreachable):
                    return False
            except OSError as error:
                failed(ModelError(str(error)))
                return False
            self._stop.wait(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
        return False

    def _sources(self) -> Sequence[Source]:
        return open_sources(self._settings.hub_sources, self._settings.hub_url)

    def _fetch_model(self) -> None:
        folder = fetch(self.wanted, self._cache, sources=self._sources(), report=self._report())
        self._run(folder, self.wanted, "chosen")

    def _stand_in(self, error: AsrError) -> None:
        log.warning("the embedded model runs", wanted=self.wanted, code=error.code, reason=str(error))
        self.error, self.reason, self.progress = error, "unavailable", None

    def _fetch_punctuation(self) -> None:
        folder = fetch(self._punctuation, self._cache, sources=self._sources(), report=self._go_on)
        finisher = open_finisher(folder)
        with self._switching:
            assert isinstance(self._current, OfflineRecognizer)
            self._current.use_finisher(finisher)
        log.info("punctuation model open", model=self._punctuation)

    def _leave_marks(self, error: AsrError) -> None:
        log.warning("the embedded punctuation model runs", wanted=self._punctuation, code=error.code, reason=str(error))

    def _go_on(self, progress: DownloadProgress) -> None:
        """Let a download go on that is not shown to users, until the app stops."""
        if self._stop.is_set():
            raise _StoppedError

    def _report(self) -> _Report:
        return _Report(self, self._stop)


def _engine(settings: Settings) -> EngineOptions:
    return EngineOptions(
        kind=settings.engine,
        device=settings.device,
        threads=settings.threads,
        most_threads=max(1, (os.cpu_count() or 1) // settings.workers),
        url=settings.engine_url,
        mode=settings.engine_mode,
        verify=settings.engine_verify,
    )


class _Report:
    """Tells of a download in the model's state and, now and then, in the log."""

    def __init__(self, model: RunningModel, stop: threading.Event) -> None:
        self._model = model
        self._stop = stop
        self._logged = time.monotonic()

    def __call__(self, progress: DownloadProgress) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._model.progress, self._model.reason = progress, "downloading"
        if time.monotonic() - self._logged >= _LOG_EVERY:
            self._logged = time.monotonic()
            log.info("model on its way", model=self._model.wanted, done=progress.done, total=progress.total)


class _StoppedError(Exception):
    """The app ends; the download is taken up at its next start."""
