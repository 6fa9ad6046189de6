"""The offline pipeline: a recording to its transcript."""

from __future__ import annotations

from pathlib import Path

import soxr

from asr.audio import SAMPLE_RATE, Audio
from asr.decoding import ALL_TIERS, HotwordDecoder, HotwordSettings, Tier
from asr.hotwords import EMPTY, HotwordList
from asr.paraformer import Paraformer
from asr.transcript import Segment, Token, Transcript
from asr.vad import VoiceActivityDetector, open_vad

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "embedded"

_MAX_SEGMENT = 10.0  # seconds; the embedded model learned from short sentences, and errs more on longer ones
_MIN_CONFIDENCE = 0.15  # mean over a segment; noise mostly gets no tokens at all, and the odd one was below this


class Recognizer:
    """Voice activity detection, then Paraformer, then decoding with hotwords.

    Stateless between calls and safe to share between threads; the same audio always gives the same transcript.
    """

    def __init__(
        self,
        vad: VoiceActivityDetector,
        model: Paraformer,
        *,
        min_confidence: float = _MIN_CONFIDENCE,
        hotword_settings: HotwordSettings | None = None,
    ) -> None:
        """Put the parts together; `open_recognizer` loads them from folders.

        Args:
            vad: finds the speech.
            model: turns it into posteriors.
            min_confidence: a segment whose tokens' mean confidence is below this is taken for noise and left out.
            hotword_settings: how hotwords are weighed; None is what was chosen on the hotword set.
        """
        self._vad = vad
        self._model = model
        self._min_confidence = min_confidence
        self._decoder = HotwordDecoder(model.units, hotword_settings)

    @property
    def model_name(self) -> str:
        """The kind of the acoustic model, as its config.yaml names it."""
        return self._model.name

    @property
    def vocabulary(self) -> frozenset[str]:
        """The units that the model can write; `asr.hotwords.parse` takes it to report what it cannot."""
        return frozenset(self._model.units)

    def transcribe(
        self, audio: Audio, hotwords: HotwordList = EMPTY, *, tiers: frozenset[Tier] = ALL_TIERS
    ) -> Transcript:
        """Recognise what is said in `audio`.

        Args:
            audio: mono; resampled when it is not at 16 kHz.
            hotwords: words to expect; what they changed is in the segments' `changes`.
            tiers: the ways in which they may get into the text. This model has no hotword encoder, so that
                `Tier.BIAS` does nothing.

        Returns:
            The transcript, without segments when nobody speaks (silence, noise, music).

        Raises:
            RecognitionFailed: a model failed on this audio.
        """
        samples = audio.samples
        if audio.sample_rate != SAMPLE_RATE:
            samples = soxr.resample(samples, audio.sample_rate, SAMPLE_RATE)
        spans = self._vad.detect(samples, max_seconds=min(_MAX_SEGMENT, self._model.max_seconds))
        pieces = [samples[round(span.start * SAMPLE_RATE) : round(span.end * SAMPLE_RATE)] for span in spans]
        segments = []
        for span, posteriors in zip(spans, self._model.posteriors(pieces), strict=True):
            tokens, changes = self._decoder.decode(posteriors, offset=span.start)
            # Asked of what the model alone heard: a hotword must not bring noise to life.
            if not self._is_speech(tokens):
                continue
            if hotwords:
                tokens, changes = self._decoder.decode(posteriors, hotwords, offset=span.start, tiers=tiers)
            segments.append(Segment(span.start, span.end, tokens, changes))
        return Transcript(tuple(segments), audio.seconds)

    def _is_speech(self, tokens: tuple[Token, ...]) -> bool:
        if not tokens:
            return False
        return sum(token.confidence for token in tokens) / len(tokens) >= self._min_confidence


def open_recognizer(model_dir: Path | None = None, *, vad_dir: Path | None = None, threads: int = 1) -> Recognizer:
    """Load a recogniser.

    Args:
        model_dir: folder of a Paraformer, FunASR's layout or the embedded one's; None is the embedded one.
        vad_dir: folder of an FSMN-VAD; None is the embedded one.
        threads: CPU threads used for one recording.

    Raises:
        ModelFileMissing: the error names the folder looked in and the file missing.
        ModelInvalid: a file cannot be used; the error says which and why.
    """
    return Recognizer(
        open_vad(vad_dir or EMBEDDED / "vad", threads=threads),
        Paraformer(model_dir or EMBEDDED / "paraformer", threads=threads),
    )
