"""Everything that can go wrong between a recording and its transcript.

    AsrError
    ├── AudioError               the recording cannot be used
    │   ├── AudioEmpty           no bytes at all
    │   ├── AudioTooLarge        more bytes than are taken
    │   ├── AudioTooShort        a valid file that holds no sound
    │   ├── AudioTooLong         more seconds than are taken
    │   ├── AudioTruncated       a known format that ends too early
    │   ├── AudioUnreadable      not audio, or damaged beyond reading
    │   ├── SampleRateUnsupported live audio at a rate that is not taken
    │   ├── DecodeTimeout        decoding took longer than allowed
    │   └── DecoderMissing       this format needs ffmpeg, and there is none
    ├── ModelError               a model folder cannot be used
    │   ├── ModelFileMissing     a file is not there
    │   ├── ModelInvalid         a file is there and is wrong
    │   ├── EngineMissing        a package that this model's engine needs is not installed
    │   ├── ModelNameUnknown     no model is called that
    │   ├── HubError             a model could not be fetched
    │   │   ├── HubUnreachable   no connection to the hub
    │   │   ├── HubRefused       the hub answered with an error
    │   │   ├── HubFileMissing   the hub has no such model or file
    │   │   ├── DownloadBroken   the bytes are not those that were listed
    │   │   └── DiskFull         no room for the model
    │   └── BundleInvalid        an offline bundle cannot be used
    ├── EngineUnreachable        the server that recognises does not answer
    ├── TrainerMissing           KenLM is not installed
    ├── LanguageTrainingFailed   n-grams could not be counted
    ├── LanguageJobInvalid       what a language model is to be made of breaks the rules
    ├── LanguageCorpusTooSmall   hardly any sentence to learn from
    ├── LanguageCorpusTooLarge   more text than is taken
    ├── HotwordsInvalid          a list of hotwords breaks its rules
    └── RecognitionFailed        the model failed on a recording that was fine

Every class has a `code`, stable for programs and for the texts shown to users, and every error has
`details`: the plain values (limits, seconds, names) that its message is made of.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float


class AsrError(Exception):
    """Speech could not be turned into text; `str(error)` says why and what to do about it."""

    code: ClassVar[str] = "asr_error"

    def __init__(self, message: str, **details: Detail) -> None:
        """Keep the English sentence `message` and the values it was made of."""
        super().__init__(message)
        self.details: dict[str, Detail] = details


class AudioError(AsrError):
    """The recording cannot be used."""

    code = "audio_error"


class AudioEmpty(AudioError):
    """The recording has no bytes; record or choose the file again."""

    code = "audio_empty"


class AudioTooLarge(AudioError):
    """The file has more bytes than are taken; send a shorter or a compressed one."""

    code = "audio_too_large"


class AudioTooShort(AudioError):
    """The file is valid and holds no sound at all; hold the button while speaking."""

    code = "audio_too_short"


class AudioTooLong(AudioError):
    """The recording lasts longer than is taken; split it."""

    code = "audio_too_long"


class AudioTruncated(AudioError):
    """The file ends before its sound does; it was probably cut off on the way, so send it again."""

    code = "audio_truncated"


class AudioUnreadable(AudioError):
    """The file is not audio, or is damaged; send one that an ordinary player plays."""

    code = "audio_unreadable"


class SampleRateUnsupported(AudioError):
    """Live audio comes at a rate that is not taken; send it at 8000 to 48000 Hz."""

    code = "sample_rate_unsupported"


class DecodeTimeout(AudioError):
    """Decoding took longer than allowed; convert the file to WAV and send that."""

    code = "decode_timeout"


class DecoderMissing(AudioError):
    """The format needs ffmpeg and none is installed; `pip install imageio-ffmpeg`, or send WAV, FLAC, OGG or MP3."""

    code = "decoder_missing"


class ModelError(AsrError):
    """A model folder cannot be used."""

    code = "model_error"


class ModelFileMissing(ModelError):
    """A model folder lacks a file; the message names both, so put the file there or choose another folder."""

    code = "model_file_missing"


class ModelInvalid(ModelError):
    """A model file is damaged or of a kind not known here; fetch it again or choose another folder."""

    code = "model_invalid"


class EngineMissing(ModelError):
    """A package that this model's engine needs is not installed; the message names the file of requirements."""

    code = "engine_missing"


class EngineUnreachable(AsrError):
    """The server that recognises speech for this one does not answer; try again, or check its address."""

    code = "engine_unreachable"


class TrainerMissing(AsrError):
    """KenLM, which counts the n-grams of a language model, is not installed; run scripts/kenlm on the server."""

    code = "trainer_missing"


class LanguageTrainingFailed(AsrError):
    """A language model could not be made of these sentences; the message says why."""

    code = "language_training_failed"


class LanguageJobInvalid(AsrError):
    """The order for a language model breaks its rules; the message names the field and the reason."""

    code = "language_job_invalid"


class LanguageCorpusTooSmall(AsrError):
    """There is too little to learn a language model from; give more, and different, sentences."""

    code = "language_corpus_too_small"


class LanguageCorpusTooLarge(AsrError):
    """There is more text than a language model is trained with here; give less."""

    code = "language_corpus_too_large"


class ModelNameUnknown(ModelError):
    """No model is called that; use a short name, the id of one on ModelScope, or the path of a folder."""

    code = "model_name_unknown"


class HubError(ModelError):
    """A model could not be fetched; the message says why. The embedded one runs meanwhile."""

    code = "hub_error"


class HubUnreachable(HubError):
    """The hub cannot be reached; check the network, or set TINGSHUO_HUB_URL to a mirror."""

    code = "hub_unreachable"


class HubRefused(HubError):
    """The hub answered with an error, or is no ModelScope; check TINGSHUO_HUB_URL and try again later."""

    code = "hub_refused"


class HubFileMissing(HubError):
    """The hub has no such model, revision or file; check the name."""

    code = "hub_file_missing"


class DownloadBroken(HubError):
    """A file came broken, twice; try again later or use another mirror."""

    code = "download_broken"


class DiskFull(HubError):
    """There is no room for the model; free some, or set TINGSHUO_MODEL_CACHE to another disk."""

    code = "disk_full"


class BundleInvalid(ModelError):
    """A bundle of models is damaged, or is none; pack it again."""

    code = "bundle_invalid"


class HotwordsInvalid(AsrError):
    """A list of hotwords breaks its rules; the message names line, column and reason, so mend that line."""

    code = "hotwords_invalid"


class RecognitionFailed(AsrError):
    """The model failed on a recording that could be read; try again, and report it when it stays."""

    code = "recognition_failed"
