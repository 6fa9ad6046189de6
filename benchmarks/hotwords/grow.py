"""Makes longer lists of hotwords: the hundred of the set, then words of a phrase dictionary, up to 1,000 and 5,000.

    python benchmarks/hotwords/grow.py FOLDER

writes FOLDER/words-100.txt, words-1000.txt and words-5000.txt. The further words come from pypinyin's phrase
dictionary (MIT), two to six characters long, drawn by chance with a fixed seed: common words and idioms, so that the
longest list is harder than one of real names and terms would be.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from pypinyin.phrases_dict import phrases_dict

HERE = Path(__file__).resolve().parent


def main(folder: Path) -> None:
    """Write the lists."""
    text = (HERE / "words.txt").read_text(encoding="utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    more = sorted(word for word in phrases_dict if 2 <= len(word) <= 6 and word.isalpha() and word not in words)
    random.Random(4).shuffle(more)
    folder.mkdir(parents=True, exist_ok=True)
    for size in (100, 1000, 5000):
        lines = [*words, *more[: size - len(words)]]
        (folder / f"words-{size}.txt").write_text("".join(f"{word}\n" for word in lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
