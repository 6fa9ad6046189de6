"""The offline pipeline: a recording to its transcript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import soxr

from asr.audio.decoding import SAMPLE_RATE, Audio
from asr.audio.frontend import Samples
from asr.decoding import (
    ALL_TIERS,
    FrameDecoder,
    HotwordDecoder,
    HotwordSettings,
    NgramScorer,
    Tier,
    WordRescorer,
    decode_greedily,
)
from asr.engines import Engine, EngineOptions, EngineOutput, open_engine
from asr.engines.onnx.streaming import ChunkSize, StreamingParaformer
from asr.hotwords.list import EMPTY, HotwordList
from asr.lm import NgramModel, open_language_model
from asr.partials import StreamPartials
from asr.text.finishing import Finisher, open_finisher
from asr.transcript import FORMATTED, Formatting, Segment, Token, Transcript
from asr.vad.fsmn import SpeechSpan, VoiceActivityDetector, VoiceActivityStream, open_vad

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "embedded"
LANGUAGE_FILE = "language.npz"
STREAMING, PUNCTUATION = "streaming", "punctuation"  # folders that a model's folder may hold

_MAX_SEGMENT = 10.0  # seconds; the embedded model learned from short sentences, and errs more on longer ones
_MIN_CONFIDENCE = 0.15  # mean over a segment; noise mostly gets no tokens at all, and the odd one was below this


@dataclass(frozen=True)
class _Speaking:
    """A language model and what decodes with it: they change together."""

    language: NgramModel | None
    decoder: HotwordDecoder


class Recognizer:
    """Voice activity detection, then an acoustic model, then decoding with hotwords, then the written form.

    Stateless between calls and safe to share between threads; the same audio always gives the same transcript, as
    long as nobody changes the language model.
    """

    def __init__(
        self,
        vad: VoiceActivityDetector,
        engine: Engine,
        *,
        finisher: Finisher | None = None,
        min_confidence: float = _MIN_CONFIDENCE,
        hotword_settings: HotwordSettings | None = None,
        language: NgramModel | None = None,
        streaming: StreamingParaformer | None = None,
    ) -> None:
        """Put the parts together; `open_recognizer` loads them from folders.

        Args:
            vad: finds the speech.
            engine: recognises it.
            finisher: brings it into its written form; None leaves it as it was spoken.
            min_confidence: a segment whose tokens' mean confidence is below this is taken for noise and left out.
            hotword_settings: how hotwords are weighed; None is what was chosen on the hotword set.
            language: which words are likely; None leaves the choice of every character to the engine alone.
            streaming: partials what is being said; None is the engine, which hears it again where it does not stream.
        """
        self._vad = vad
        self._engine = engine
        self._finisher = finisher
        self._min_confidence = min_confidence
        self._streaming = engine if isinstance(engine, StreamingParaformer) else streaming
        self._hotword_settings = hotword_settings
        self._speaking = self._prepare(language)

    @property
    def model_name(self) -> str:
        """The kind of the acoustic model, as its config.yaml names it."""
        return self._engine.name

    @property
    def language(self) -> NgramModel | None:
        """The language model in use."""
        return self._speaking.language

    def use_language(self, language: NgramModel | None) -> None:
        """Change the language model while others recognise: who began with the former one ends with it.

        It takes a second to make a model ready; then the change is at once, and for all threads.
        """
        self._speaking = self._prepare(language)

    def use_finisher(self, finisher: Finisher) -> None:
        """Change who brings text into its written form while others recognise, at once and for all threads."""
        self._finisher = finisher

    def with_language(self, language: NgramModel | None) -> Recognizer:
        """Return a recogniser with another language model, all other parts shared with this one."""
        return Recognizer(
            self._vad,
            self._engine,
            finisher=self._finisher,
            min_confidence=self._min_confidence,
            hotword_settings=self._hotword_settings,
            language=language,
            streaming=self._streaming,
        )

    def _prepare(self, language: NgramModel | None) -> _Speaking:
        units = self._engine.units
        rescorer = WordRescorer(language, units) if language else None
        frames = FrameDecoder(NgramScorer(language, units) if language else None)
        return _Speaking(language, HotwordDecoder(units, self._hotword_settings, rescorer, frames))

    @property
    def vocabulary(self) -> frozenset[str]:
        """The units that the model can write; `asr.hotwords.list.parse` takes it to report what it cannot."""
        return frozenset(self._engine.units)

    def transcribe(
        self,
        audio: Audio,
        hotwords: HotwordList = EMPTY,
        *,
        tiers: frozenset[Tier] = ALL_TIERS,
        formatting: Formatting = FORMATTED,
        nbest: int = 0,
    ) -> Transcript:
        """Recognise what is said in `audio`.

        Args:
            audio: mono; resampled when it is not at 16 kHz.
            hotwords: words to expect; what they changed is in the segments' `changes`.
            tiers: the ways in which they may get into the text. `Tier.BIAS` does nothing with a model that has no
                hotword encoder.
            formatting: how far the text is brought into its written form.
            nbest: so many of the likeliest texts of each segment go into its `readings`, without what hotwords put in
                by their sound.

        Returns:
            The transcript, without segments when nobody speaks (silence, noise, music).

        Raises:
            RecognitionFailed: a model failed on this audio.
        """
        segments = self.segments(audio, hotwords, tiers=tiers, formatting=formatting, nbest=nbest)
        return Transcript(tuple(segments), audio.seconds)

    def segments(
        self,
        audio: Audio,
        hotwords: HotwordList = EMPTY,
        *,
        tiers: frozenset[Tier] = ALL_TIERS,
        formatting: Formatting = FORMATTED,
        nbest: int = 0,
    ) -> Iterator[Segment]:
        """Recognise a long recording bit by bit: its segments in order, each as soon as it is ready.

        `segment.end / audio.seconds` tells how far it has got; who stops iterating stops the work. Arguments and
        errors are those of `transcribe`.
        """
        decoder = self._speaking.decoder
        for span, heard in self._listen(audio, hotwords if Tier.BIAS in tiers else EMPTY):
            segment = self._decode(decoder, span, heard, hotwords, tiers, formatting)
            if segment is not None and nbest:
                readings = decoder.readings(heard.frames or heard.posteriors, hotwords, count=nbest)
                segment = replace(segment, readings=readings)
            if segment is not None:
                yield segment

    def compare(
        self,
        audio: Audio,
        other: Recognizer,
        hotwords: HotwordList = EMPTY,
        *,
        formatting: Formatting = FORMATTED,
    ) -> tuple[Transcript, Transcript]:
        """Recognise once and decode twice: what this one and `other`, made by `with_language`, make of a sound.

        Returns:
            The transcript of each, as `transcribe` gives it.

        Raises:
            RecognitionFailed: a model failed on this audio.
            ValueError: the other has another acoustic model.
        """
        if other._engine is not self._engine:
            raise ValueError("only recognisers that share an acoustic model can be compared")
        decoders = (self._speaking.decoder, other._speaking.decoder)
        found: tuple[list[Segment], list[Segment]] = ([], [])
        for span, heard in self._listen(audio, hotwords):
            for decoder, segments in zip(decoders, found, strict=True):
                segment = self._decode(decoder, span, heard, hotwords, ALL_TIERS, formatting)
                if segment is not None:
                    segments.append(segment)
        return Transcript(tuple(found[0]), audio.seconds), Transcript(tuple(found[1]), audio.seconds)

    def _listen(self, audio: Audio, biased: HotwordList) -> Iterator[tuple[SpeechSpan, EngineOutput]]:
        samples = _at_model_rate(audio)
        spans = self._vad.spans(samples, max_seconds=self._max_segment)
        for together in _groups(spans, self._engine.batch_seconds):
            pieces = [samples[round(span.start * SAMPLE_RATE) : round(span.end * SAMPLE_RATE)] for span in together]
            yield from zip(together, self._engine.listen(pieces, biased), strict=True)

    def stream(self, *, end_silence: float | None = None) -> VoiceActivityStream:
        """Begin to find the speech of live audio, as `transcribe` finds that of a recording.

        Args:
            end_silence: seconds of silence that end a stretch of speech; None is what it takes in a recording.
        """
        options = self._vad.options
        if end_silence is not None:
            # Below this the frames that smooth the decision would be longer than the silence.
            options = replace(options, max_end_silence=max(end_silence, options.speech_offset + options.lookahead))
        return self._vad.stream(max_seconds=self._max_segment, options=options)

    def partials(self, chunk: ChunkSize | None = None, *, punctuation: bool = True) -> StreamPartials | None:
        """Begin to partial one stretch of live speech; None for a model that can only hear all of it again each time.

        Args:
            chunk: how much a streaming model hears at once, and looks back and ahead; None is FunASR's [5, 10, 5].
            punctuation: whether marks are wanted; only a realtime punctuation model sets them before the end.
        """
        if self._streaming is None:
            return None
        punctuator = self._finisher.realtime if self._finisher and punctuation else None
        return StreamPartials(self._streaming.stream(chunk), self._streaming.units, punctuator)

    @property
    def _max_segment(self) -> float:
        return min(_MAX_SEGMENT, self._engine.max_seconds)

    def recognise(
        self,
        samples: Samples,
        *,
        offset: float = 0.0,
        hotwords: HotwordList = EMPTY,
        tiers: frozenset[Tier] = ALL_TIERS,
        formatting: Formatting = FORMATTED,
    ) -> Segment | None:
        """Recognise one stretch of speech, whose ends somebody else has found.

        Args:
            samples: float32 (n,), mono, 16 kHz, within [-1, 1], at most 30 s.
            offset: seconds from the start of the audio to that of `samples`; times count from there.
            hotwords: as for `transcribe`.
            tiers: as for `transcribe`.
            formatting: as for `transcribe`.

        Returns:
            The segment, or None when there is only noise.

        Raises:
            RecognitionFailed: the model failed.
        """
        (heard,) = self._engine.listen([samples], hotwords if Tier.BIAS in tiers else EMPTY)
        span = SpeechSpan(offset, offset + len(samples) / SAMPLE_RATE)
        return self._decode(self._speaking.decoder, span, heard, hotwords, tiers, formatting)

    def _decode(
        self,
        decoder: HotwordDecoder,
        span: SpeechSpan,
        heard: EngineOutput,
        hotwords: HotwordList,
        tiers: frozenset[Tier],
        formatting: Formatting,
    ) -> Segment | None:
        # Asked of what the engine alone heard: neither a likely word nor a hotword must bring noise to life.
        if not self._is_speech(decode_greedily(heard.posteriors, self._engine.units)):
            return None
        alone = cache(heard.alone) if heard.alone else None
        if heard.frames is not None:
            tokens, changes = decoder.decode_frames(heard.frames, hotwords, offset=span.start, tiers=tiers)
        else:
            tokens, changes = decoder.decode(heard.posteriors, hotwords, offset=span.start, tiers=tiers, alone=alone)
        biased = any(change.tier == Tier.BIAS for change in changes)
        if alone and biased and not self._is_speech(decode_greedily(alone(), self._engine.units)):
            return None
        segment = Segment(span.start, span.end, tokens, changes)
        if self._finisher is None:
            return segment
        return self._finisher.finish(segment, formatting, hotwords=hotwords, ends=not span.goes_on)

    def _is_speech(self, tokens: tuple[Token, ...]) -> bool:
        if not tokens:
            return False
        return sum(token.confidence for token in tokens) / len(tokens) >= self._min_confidence


def open_recognizer(
    model_dir: Path | None = None,
    *,
    vad_dir: Path | None = None,
    punctuation_dir: Path | None = None,
    threads: int = 1,
    engine: EngineOptions | None = None,
) -> Recognizer:
    """Load a recogniser.

    Args:
        model_dir: folder of a model, as `asr.engines.open_engine` takes it; None is the embedded one, with its
            language model. A folder may hold one too, as `language.npz`, and in folders of their own a Paraformer that
            streams (`streaming`), which partials live speech, and a CT-Transformer (`punctuation`).
        vad_dir: folder of an FSMN-VAD; None is the embedded one.
        punctuation_dir: folder of a CT-Transformer; None is the model's own, else the embedded one.
        threads: CPU threads used for one recording.
        engine: how the model is run, threads included; None is what suits the folder's files, with `threads`.

    Raises:
        EngineMissing: a package that the engine needs is not installed.
        ValueError: the address of a server is none.
        ModelFileMissing: the error names the folder looked in and the file missing.
        ModelInvalid: a file cannot be used; the error says which and why.
    """
    options = engine or EngineOptions(threads=threads)
    embedded = model_dir is None and options.kind != "remote"
    language = EMBEDDED / "language" / LANGUAGE_FILE if embedded else (model_dir or Path()) / LANGUAGE_FILE
    own_punctuation, streaming = ((model_dir or Path()) / name for name in (PUNCTUATION, STREAMING))
    if punctuation_dir is None and model_dir and own_punctuation.is_dir():
        punctuation_dir = own_punctuation
    return Recognizer(
        open_vad(vad_dir or EMBEDDED / "vad"),  # one thread: it is too small to gain by more
        open_engine(model_dir or EMBEDDED / "paraformer", options),
        language=open_language_model(language) if embedded or (model_dir and language.is_file()) else None,
        finisher=open_finisher(punctuation_dir or EMBEDDED / "punctuation"),
        streaming=StreamingParaformer(streaming) if model_dir and streaming.is_dir() else None,
    )


def _at_model_rate(audio: Audio) -> Samples:
    if audio.sample_rate == SAMPLE_RATE:
        return audio.samples
    return np.asarray(soxr.resample(audio.samples, audio.sample_rate, SAMPLE_RATE), dtype=np.float32)


def _groups(spans: Iterable[SpeechSpan], seconds: float) -> Iterator[list[SpeechSpan]]:
    """Put stretches of speech together, in order, until they are `seconds` long in all; one at least."""
    group: list[SpeechSpan] = []
    for span in spans:
        group.append(span)
        if sum(one.end - one.start for one in group) >= seconds:
            yield group
            group = []
    if group:
        yield group
