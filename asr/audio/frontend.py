"""From samples to the features that a model was trained on; which ones, its config.yaml says.

`WavFrontend` is FunASR's: Kaldi filter bank energies, several frames stacked into one (low frame rate, LFR), and
mean and variance normalised (CMVN). `WhisperFrontend` is Whisper's log-mel (Radford et al. 2022, section 2.2).
"""

from __future__ import annotations

from typing import Protocol

import kaldi_native_fbank
import numpy as np
import numpy.typing as npt

from asr.model_files.folder import ModelFolder

Samples = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

_SAMPLE_RATE = 16000
_INT16_SCALE = 32768.0  # Kaldi's features are of samples on the scale of 16-bit integers


class Frontend(Protocol):
    """Turns samples into features."""

    def __call__(self, samples: Samples) -> Features:
        """Return features (frames, dimensions) of mono 16 kHz samples (n,) within [-1, 1]."""
        ...


def open_frontend(folder: ModelFolder) -> Frontend:
    """Build the front end that a model folder's config.yaml names.

    Raises:
        ModelFileMissing, ModelInvalid: a file is missing or wrong, or the front end is none of the two known.
    """
    config = folder.config()
    name = config.get("frontend")
    settings = folder.section(config, "frontend_conf")
    try:
        if name == "WhisperFrontend":
            return WhisperFrontend(
                mels=int(settings.get("n_mels", 80)), tail_padding=float(settings.get("tail_padding", 0.5))
            )
        if name in ("WavFrontend", "WavFrontendOnline"):
            return WavFrontend(
                *folder.cmvn(),
                stack=int(settings.get("lfr_m", 1)),
                stride=int(settings.get("lfr_n", 1)),
                mels=int(settings.get("n_mels", 80)),
                window=str(settings.get("window", "hamming")),
                frame_length=float(settings.get("frame_length", 25)),
                frame_shift=float(settings.get("frame_shift", 10)),
            )
    except ValueError as error:
        raise folder.invalid(folder.path / "config.yaml", f"frontend_conf: {error}") from error
    raise folder.invalid(folder.path / "config.yaml", f"the front end {name!r} is not known here")


class WavFrontend:
    """FunASR's front end: fbank, LFR, CMVN; without dither, so that the same audio gives the same features."""

    def __init__(
        self,
        shift: Features,
        scale: Features,
        *,
        stack: int,
        stride: int,
        mels: int = 80,
        window: str = "hamming",
        frame_length: float = 25.0,
        frame_shift: float = 10.0,
    ) -> None:
        """Set up.

        Args:
            shift: added to the features, shape (mels * stack,).
            scale: multiplied with them after that, shape (mels * stack,).
            stack: fbank frames in one output frame (`lfr_m`).
            stride: fbank frames from one output frame to the next (`lfr_n`).
            mels: mel bins.
            window: Kaldi's name of the window.
            frame_length: of the fbank frames, milliseconds, as in config.yaml.
            frame_shift: of the fbank frames, milliseconds.

        Raises:
            ValueError: the CMVN rows do not fit mels * stack.
        """
        if len(shift) != mels * stack:
            raise ValueError(f"am.mvn has {len(shift)} values, {mels} mel bins by {stack} frames need {mels * stack}")
        self._shift = shift
        self._scale = scale
        self.stacked = stack
        self.stride = stride
        self.mels = mels
        self.frame_seconds = frame_shift / 1000 * stride
        options = kaldi_native_fbank.FbankOptions()
        options.frame_opts.samp_freq = _SAMPLE_RATE
        options.frame_opts.window_type = window
        options.frame_opts.frame_length_ms = frame_length
        options.frame_opts.frame_shift_ms = frame_shift
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = True
        options.mel_opts.num_bins = mels
        options.energy_floor = 0.0
        self._options = options

    def __call__(self, samples: Samples) -> Features:
        """Return features (ceil(fbank frames / stride), mels * stack); no frames when shorter than one window."""
        return self.normalize(self.stack(self.fbank(samples)))

    def stream(self) -> FeatureStream:
        """Begin the features of a stream: the same as of the whole, as its samples come."""
        return FeatureStream(self)

    def open_bank(self) -> kaldi_native_fbank.OnlineFbank:
        """Return a filter bank that has seen nothing."""
        return kaldi_native_fbank.OnlineFbank(self._options)

    def fbank(self, samples: Samples) -> Features:
        """Return log filter bank energies (frames, mels), one frame each shift."""
        bank = self.open_bank()
        bank.accept_waveform(_SAMPLE_RATE, samples * np.float32(_INT16_SCALE))
        bank.input_finished()
        frames = [bank.get_frame(index) for index in range(bank.num_frames_ready)]
        return np.stack(frames) if frames else np.zeros((0, self.mels), dtype=np.float32)

    def stack(self, frames: Features) -> Features:
        """Join `lfr_m` frames around each `lfr_n`-th one; the first and the last frame are repeated at the edges."""
        count = len(frames)
        if not count:
            return np.zeros((0, self.mels * self.stacked), dtype=np.float32)
        centres = np.arange(0, count, self.stride)[:, None]
        neighbours = np.arange(self.stacked)[None, :] - (self.stacked - 1) // 2
        stacked = frames[np.clip(centres + neighbours, 0, count - 1)]
        return np.asarray(stacked.reshape(len(centres), -1), dtype=np.float32)

    def normalize(self, features: Features) -> Features:
        """Apply the mean and variance normalisation of am.mvn."""
        return np.asarray((features + self._shift) * self._scale, dtype=np.float32)


class FeatureStream:
    """The features of one stream; it remembers no more than the frames that the next ones are stacked with."""

    def __init__(self, frontend: WavFrontend) -> None:
        """Begin; `WavFrontend.stream` does it."""
        self._frontend = frontend
        self._bank = frontend.open_bank()
        self._left = (frontend.stacked - 1) // 2
        self._right = frontend.stacked - 1 - self._left
        self._frames = np.zeros((0, frontend.mels), dtype=np.float32)  # from `_first` on
        self._first = 0
        self._banked = 0
        self._next = 0  # the centre of the next output frame

    def accept(self, samples: Samples) -> Features:
        """Take the next samples (n,); return the features that are complete with them."""
        self._bank.accept_waveform(_SAMPLE_RATE, samples * np.float32(_INT16_SCALE))
        return self._features(finished=False)

    def finish(self) -> Features:
        """End the stream; return what is left."""
        self._bank.input_finished()
        return self._features(finished=True)

    def _features(self, *, finished: bool) -> Features:
        ready = self._bank.num_frames_ready
        if ready > self._banked:
            fresh = np.stack([self._bank.get_frame(index) for index in range(self._banked, ready)])
            self._frames = np.concatenate([self._frames, fresh])
            self._bank.pop(ready - self._banked)  # not before they are copied
            self._banked = ready
        # A centre is complete with the frames to its right; at the end the last one stands in for them.
        end = ready if finished else max(0, ready - self._right)
        centres = np.arange(self._next, end, self._frontend.stride)
        if not len(centres):
            return np.zeros((0, self._frontend.mels * self._frontend.stacked), dtype=np.float32)
        neighbours = centres[:, None] + np.arange(self._frontend.stacked)[None, :] - self._left
        stacked = self._frames[np.clip(neighbours, 0, ready - 1) - self._first]
        self._next = int(centres[-1]) + self._frontend.stride
        kept = max(self._first, min(self._next - self._left, ready - 1))
        self._frames = self._frames[kept - self._first :].copy()
        self._first = kept
        return self._frontend.normalize(np.asarray(stacked.reshape(len(centres), -1), dtype=np.float32))


class WhisperFrontend:
    """Whisper's log-mel of the audio's real length, with some silence behind it.

    The silence keeps the encoder's features near the end from drifting: it was trained on 30 s windows that end so.
    """

    _WINDOW = 400
    _HOP = 160

    def __init__(self, *, mels: int = 80, tail_padding: float = 0.5) -> None:
        """Set up for `mels` bins and `tail_padding` seconds of silence behind the audio."""
        self._tail = round(tail_padding * _SAMPLE_RATE)
        self._filters = _slaney_filters(mels, self._WINDOW)
        # The periodic Hann window, as torch.hann_window gives it.
        self._window = np.hanning(self._WINDOW + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Samples) -> Features:
        """Return log-mel (frames, mels), 10 ms each; the number of frames is even, as the encoder halves it."""
        length = len(samples) + self._tail
        length += -length % (2 * self._HOP)
        return self.log_mel(np.pad(samples, (0, length - len(samples))))

    def log_mel(self, samples: Samples) -> Features:
        """Return log-mel (n // 160, mels) of samples (n,), n > 200, without padding."""
        padded = np.pad(samples, self._WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self._WINDOW)[:: self._HOP][:-1]
        power = np.abs(np.fft.rfft(frames * self._window, axis=1)) ** 2
        mel = np.log10(np.maximum(power @ self._filters.T, 1e-10))
        mel = np.maximum(mel, mel.max() - 8.0)
        return np.asarray((mel + 4.0) / 4.0, dtype=np.float32)


def _slaney_filters(mels: int, window: int) -> npt.NDArray[np.float32]:
    """Triangular filters (mels, window // 2 + 1) of unit area on Slaney's mel scale, as librosa's default.

    The scale is linear below 1 kHz (3 mel per 200 Hz) and logarithmic above (27 mel per factor 6.4):
    M. Slaney, Auditory Toolbox, Technical Report 1998-010.
    """
    knee, step = 15.0, np.log(6.4) / 27.0
    top = knee + np.log(_SAMPLE_RATE / 2 / 1000.0) / step
    points = np.linspace(0.0, top, mels + 2)
    edges = np.where(points < knee, points * 200.0 / 3.0, 1000.0 * np.exp(step * (points - knee)))
    bins = np.linspace(0.0, _SAMPLE_RATE / 2, window // 2 + 1)
    rising = (bins[None, :] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None, :]) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(triangles * areas[:, None], dtype=np.float32)
