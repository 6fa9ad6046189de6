"""Paraformer in torch, by funasr, on the CPU or CUDA: real batches, posteriors, and hotwords that work.

The model's own steps are called, not `AutoModel.generate`: that gives text without posteriors, takes "阿里巴巴 20" for
two hotwords, and would read a file or call a host that a hotword names.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from asr.decoding.posteriors import Array
from asr.engines.bias import HotwordUnits
from asr.engines.network import Batch
from asr.engines.optional import import_optional
from asr.engines.paraformer import ParaformerEngine
from asr.errors import ModelInvalid, RecognitionFailed
from asr.hotwords.list import HotwordList
from asr.model_files.folder import ModelFolder

_MAX_BATCH = 64
_CPU_SECONDS, _GPU_SECONDS = 60.0, 300.0  # of a batch, padding included
WEIGHTS = ("model.pt", "model.pb")


class TorchEngine(ParaformerEngine):
    """The Paraformer in a folder, in torch. Stateless between calls; calls from several threads take turns."""

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        """Load the model in folder `path`.

        Args:
            path: config.yaml, configuration.json, tokens.json, am.mvn, model.pt.
            device: `cpu`, `cuda`, or `auto`: the GPU where there is one.

        Raises:
            EngineMissing: funasr or torch is not installed.
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: a file cannot be used, or holds a model of another kind.
        """
        folder = ModelFolder(path)
        folder.config()
        folder.tokens()
        folder.find(*WEIGHTS)
        torch = import_optional("torch")
        where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        network = TorchNetwork(folder, where)
        seconds = _GPU_SECONDS if where == "cuda" else _CPU_SECONDS
        most = _MAX_BATCH if network.masks_padding else 1
        super().__init__(folder, network, max_batch=most, max_padded=seconds, batch_seconds=seconds)


class TorchNetwork:
    """A funasr model of the kinds Paraformer, BiCif, SeACo and contextual."""

    def __init__(self, folder: ModelFolder, device: str) -> None:
        """Load it on `device`; raises EngineMissing, ModelInvalid."""
        self._torch = import_optional("torch")
        funasr = import_optional("funasr")
        try:
            self._model = funasr.AutoModel(
                model=str(folder.path), device=device, disable_update=True, disable_pbar=True
            ).model.eval()
        # funasr and torch raise whatever goes wrong in them.
        except Exception as error:
            raise ModelInvalid(
                f"funasr cannot load the model in {folder.path}: {error!r}.",
                folder=str(folder.path),
                reason=repr(error),
            ) from error
        if not hasattr(self._model, "cal_decoder_with_predictor") or hasattr(self._model, "generate_chunk"):
            kind = type(self._model).__name__
            raise folder.invalid(
                folder.path / "config.yaml",
                f"the torch engine runs Paraformer, BiCif, SeACo and contextual, not {kind}",
            )
        self._device = device
        self._seaco = hasattr(self._model, "seaco_decoder")
        # The contextual decoder does not: the last tokens of a short segment would depend on longer ones beside it.
        self.masks_padding = type(self._model).__name__ != "ContextualParaformer"
        self._units = HotwordUnits(folder.tokens()) if hasattr(self._model, "bias_encoder") else None
        # funasr's attention keeps its last weights in the module: two calls at once would mix them up.
        self._lock = Lock()

    @property
    def takes_hotwords(self) -> bool:
        """Whether it has a hotword encoder."""
        return self._units is not None

    def run(self, features: Array, lengths: np.ndarray, hotwords: HotwordList) -> Batch:
        """Run a batch; raises RecognitionFailed."""
        try:
            with self._lock, self._torch.inference_mode():
                return self._run(features, lengths, hotwords)
        except RuntimeError as error:  # torch's own, out of memory included
            raise RecognitionFailed("The acoustic model failed on this recording.", reason=str(error)) from error

    def _run(self, features: Array, lengths: np.ndarray, hotwords: HotwordList) -> Batch:
        torch, model = self._torch, self._model
        speech = torch.from_numpy(features).to(self._device)
        encoded, frames = model.encode(speech, torch.from_numpy(lengths).to(self._device))
        embedded, counts = model.calc_predictor(encoded, frames)[:2]
        counts = counts.round().long()
        if not int(counts.max()):
            return Batch(np.zeros((len(features), 0, model.vocab_size), np.float32), counts.cpu().numpy(), None)
        scores = self._decode(encoded, frames, embedded, counts, hotwords)
        weights = None
        if hasattr(model, "calc_predictor_timestamp") and type(model.predictor).__name__ == "CifPredictorV3":
            weights = model.calc_predictor_timestamp(encoded, frames, counts)[2].float().cpu().numpy()
        return Batch(scores.float().cpu().numpy(), counts.cpu().numpy(), weights, fires=True)

    def _decode(self, encoded: Any, frames: Any, embedded: Any, counts: Any, hotwords: HotwordList) -> Any:
        given = (encoded, frames, embedded, counts)
        if self._units is None:
            return self._model.cal_decoder_with_predictor(*given)[0]
        words = [list(units) for units in self._units.encode(hotwords)]
        if self._seaco:
            return self._model._seaco_decode_with_ASF(*given, hw_list=words)
        return self._model.cal_decoder_with_predictor(*given, hw_list=words)[0]
