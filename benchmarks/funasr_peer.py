"""FunASR's Python WebSocket server and ours with the same weights: what `streaming.py --peer FOLDER` runs in turn.

funasr on PyPI has not the server of its protocol; it is runtime/python/websocket/funasr_wss_server.py in its
repository, and is run here as it is there. It loads its models from ModelScope unless it is given folders. The weights
of these are random, of Paraformer and of the streaming Paraformer, at full size or tiny; FSMN-VAD is the embedded one
for both. Neither punctuates. FunASR runs them in torch, in float, we their int8 export, as each does by default.

    python benchmarks/funasr_peer.py make FOLDER [--size tiny|large]
    python benchmarks/funasr_peer.py ours|funasr FOLDER [--script FILE]    writes the port as JSON, and serves
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

CORES = 2
VAD = ROOT / "models" / "embedded" / "vad"
# The names of FunASR's linear layers without their weights, in the order in which the exported graph has these.
LINEAR = ("in_linear1", "in_linear2", *(f"fsmn.{n}.{part}" for n in range(4) for part in ("linear", "affine")))


def make(folder: Path, size: str) -> None:
    """Make the weights: model/ with the streaming one in model/streaming/, and vad/."""
    from benchmarks import large_models
    from tests import tiny_models

    for kind, target in (("paraformer", folder / "model"), ("streaming", folder / "model" / "streaming")):
        if size == "large":
            large_models.make(kind, target)
        elif not (target / "model.pt").is_file():
            tiny_models.make(kind, target, quantise=True)
    if not (folder / "vad" / "model.pt").is_file():
        _make_vad(folder / "vad")


def _make_vad(folder: Path) -> None:
    """Write the embedded FSMN-VAD's weights as the torch model that they were exported from."""
    import onnx
    import torch
    from onnx import numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(VAD / "model.onnx").graph.initializer}
    state = {name: torch.tensor(array) for name, array in arrays.items() if name.startswith("encoder.")}
    unnamed = [torch.tensor(array.T.copy()) for name, array in arrays.items() if "MatMul" in name]
    names = (*LINEAR, "out_linear1", "out_linear2")
    for name, weight in zip(names, unnamed, strict=True):
        state[f"encoder.{name}.linear.weight"] = weight
    torch.save({"state_dict": state}, folder / "model.pt")
    for name in ("config.yaml", "am.mvn"):
        shutil.copy(VAD / name, folder / name)
    metas = {"init_param": "model.pt", "config": "config.yaml", "frontend_conf": {"cmvn_file": "am.mvn"}}
    described = {"framework": "pytorch", "task": "vad", "model": {"type": "funasr"}, "file_path_metas": metas}
    (folder / "configuration.json").write_text(json.dumps(described), encoding="utf-8")


def serve_funasr(folder: Path, script: Path) -> None:
    """Run FunASR's script as it is: with a port of the system's choice, and the API of websockets that it knows.

    funasr 1.4 guesses whether bytes are a file, and takes faint PCM, whose samples are 0 and -1, for MP3: it then fails
    and the sentence is lost. The script is older than the guess and sends PCM alone, so it is not made here.
    """
    import websockets
    from funasr.utils import load_utils
    from websockets.legacy import server

    def serve(handler: Any, _host: str, _port: int, **options: Any) -> Any:
        listening = socket.create_server(("127.0.0.1", 0))
        _tell(listening.getsockname()[1])
        return server.serve(handler, sock=listening, **options)

    websockets.serve = serve  # type: ignore[assignment]
    load_utils._is_audio_container = lambda _data: False
    models = {"asr_model": "model", "asr_model_online": "model/streaming", "vad_model": "vad"}
    options = [f"--{name}={folder / path}" for name, path in models.items()]
    sys.argv = [str(script), *options, "--punc_model=", "--device=cpu", "--ngpu=0", f"--ncpu={CORES}", "--certfile="]
    runpy.run_path(str(script), run_name="__main__")


def serve_ours(folder: Path) -> None:
    """Serve the app with these weights; what random ones are unsure of is not noise here."""
    import uvicorn

    from app.factory import build
    from app.settings import Settings
    from asr.engines import EngineOptions, open_engine
    from asr.engines.onnx.streaming import StreamingParaformer
    from asr.recognizer import Recognizer
    from asr.vad.fsmn import open_vad

    recognizer = Recognizer(
        open_vad(VAD),
        open_engine(folder / "model", EngineOptions(kind="onnx")),
        streaming=StreamingParaformer(folder / "model" / "streaming"),
        min_confidence=0.0,
    )
    app = build(Settings(workers=CORES, max_sessions=64), recognizer=recognizer, page=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _tell(listening.getsockname()[1])
        uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run([listening])


def _tell(port: int) -> None:
    print(json.dumps({"event": "FunASR clients welcome", "port": port}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "ours", "funasr"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=["tiny", "large"], default="large")
    parser.add_argument("--script", type=Path, help="FunASR's funasr_wss_server.py")
    asked = parser.parse_args()
    if asked.what == "make":
        make(asked.folder, asked.size)
    elif asked.what == "ours":
        serve_ours(asked.folder)
    elif asked.script is None:
        parser.error("funasr needs --script")
    else:
        serve_funasr(asked.folder, asked.script)
