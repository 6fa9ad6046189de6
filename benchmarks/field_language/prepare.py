"""Makes the field's training text and a job ready for `python -m asr lm run FOLDER`.

    python benchmarks/field_language/prepare.py FOLDER [ORDER]

The text is what patterns.txt means, as far as it is drawn, without the 300 sentences of manifest.jsonl.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from asr.evaluation.error_rate import normalize
from asr.lm.corpus import Source, read_sources
from asr.lm.job import JobSpec, write_job

HERE = Path(__file__).resolve().parent


def main(folder: Path, order: int) -> None:
    """Write the text and the job into `folder`."""
    lines = (HERE / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    tested = {normalize(json.loads(line)["text"]) for line in lines}
    corpus = read_sources([Source("patterns", "template", "patterns.txt")], HERE)
    kept = [sentence for sentence in corpus.sentences if sentence not in tested]
    write_job(
        folder,
        JobSpec((Source("endoscopy", "text", "sentences.txt"),), order=order, check_set=str(HERE / "manifest.jsonl")),
    )
    (folder / "sentences.txt").write_text("".join(f"{sentence}\n" for sentence in kept), encoding="utf-8")
    print(f"{len(kept)} sentences; {len(corpus.sentences) - len(kept)} of the test's were left out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
