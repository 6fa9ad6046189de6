"""Makes the hotword set ready: what is to be spoken, and the manifests that `python -m asr.evaluate` reads.

    python benchmarks/hotwords/prepare.py FOLDER

writes FOLDER/speak.jsonl (`id`, `text`, `voice`, `speed` a line, for a speech synthesiser that then puts its
recordings into FOLDER/audio/ID.wav; the published figures were taken with Kokoro-82M, Apache-2.0, in the two voices
that no model here was trained on) and FOLDER/tune.jsonl and FOLDER/test.jsonl. The halves share no hotword and no
sentence without one: settings are chosen on the first, figures are reported of the second.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def read_sentences(path: Path = HERE / "sentences.tsv") -> list[dict[str, str]]:
    """Return the rows of the set: half, id, voice, speed, word (empty in a sentence without hotword), text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def main(folder: Path) -> None:
    """Write the three lists into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences = read_sentences()
    spoken = [{key: row[key] for key in ("id", "text", "voice")} | {"speed": float(row["speed"])} for row in sentences]
    write(folder / "speak.jsonl", spoken)
    for half in ("tune", "test"):
        rows = [row for row in sentences if row["half"] == half]
        lines = [{"id": r["id"], "audio_filepath": f"audio/{r['id']}.wav", "text": r["text"]} for r in rows]
        write(folder / f"{half}.jsonl", lines)


def write(path: Path, lines: list[dict[str, object]] | list[dict[str, str]]) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
