"""The language model that ships: the word trigrams of libime, cut to what the recogniser can write.

libime (the input-method library of fcitx) turns pinyin into text, which is what is left to do when a recogniser has
heard the sounds right. Its model was counted on modern Chinese of all kinds; it is LGPL-2.1-or-later, and Debian
keeps the source package that holds it in the ARPA format.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import urllib.request
from collections.abc import Collection
from pathlib import Path

from asr.lm import read_arpa, save_language_model

SOURCE = "libime_1.0.16.orig.tar.xz"
SHA256 = "3f034ae347b4110ac3dfb88d678a38d2264e6588d61f249b9007a7759751b2f9"
MIRRORS = (
    "https://deb.debian.org/debian/pool/main/libi/libime/",
    "https://snapshot.debian.org/archive/debian/20221130T151418Z/pool/main/libi/libime/",
)
"""Where Debian has it: the first as long as the release is current, the second for good."""
_MODEL = "libime-1.0.16/data/lm_sc.arpa-20220810.tar.xz"
_ARPA = "lm_sc.arpa"


def make_language_model(units: Collection[str], path: Path) -> None:
    """Fetch the trigrams and write those that the recogniser can write.

    Args:
        units: what the recogniser can write, as in its tokens.json.
        path: the file to write.

    Raises:
        OSError: no mirror can be reached, or the file cannot be written.
        ValueError: what came is not the file that is meant.
    """
    writable = set(units)
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / SOURCE
        _fetch(source)
        with tarfile.open(source) as outer, tarfile.open(fileobj=outer.extractfile(_MODEL)) as inner:
            arpa = Path(temporary) / _ARPA
            member = inner.extractfile(_ARPA)
            if member is None:
                raise ValueError(f"{_MODEL} holds no {_ARPA}")
            arpa.write_bytes(member.read())
        path.parent.mkdir(parents=True, exist_ok=True)
        save_language_model(read_arpa(arpa, keep=lambda word: writable.issuperset(word)), path)


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
