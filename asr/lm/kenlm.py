"""Counting n-grams with KenLM (Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation").

Its program `lmplz` is built once by `scripts/kenlm` from the sources on PyPI; the wheels there leave it out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.errors import LanguageTrainingFailed, TrainerMissing

_MEMORY = "400M"  # of its own accord it takes most of the machine's, even for a few sentences
_LAST_LINES = 5


def find_lmplz() -> Path:
    """Return where lmplz is: beside this Python, else on the PATH; raises TrainerMissing."""
    found = shutil.which("lmplz", path=str(Path(sys.executable).parent)) or shutil.which("lmplz")
    if found is None:
        raise TrainerMissing("KenLM's lmplz is not installed: scripts/kenlm builds it.")
    return Path(found)


def count_ngrams(
    sentences: Iterable[Sequence[str]],
    arpa: Path,
    *,
    order: int = 3,
    prune: Sequence[int] = (),
    memory: str = _MEMORY,
    timeout: float | None = None,
) -> None:
    """Estimate an n-gram model, with modified Kneser-Ney smoothing, and write it in the ARPA format.

    Args:
        sentences: the words of each.
        arpa: the file to write.
        order: words of the longest n-grams, 2 to 6.
        prune: for each order the count up to which n-grams are left out; the last one holds for those above.
        memory: the most to use, as `sort -S` takes it.
        timeout: seconds after which to give up.

    Raises:
        TrainerMissing: lmplz is not installed.
        LanguageTrainingFailed: it did not finish; the error says why.
    """
    program = find_lmplz()
    with tempfile.TemporaryDirectory(dir=arpa.parent) as folder:
        text = Path(folder) / "text"
        with text.open("w", encoding="utf-8") as file:
            file.writelines(" ".join(words) + "\n" for words in sentences if words)
        if not text.stat().st_size:
            raise LanguageTrainingFailed("There is no sentence to learn from.")
        # The fallback serves texts so small or so regular that the discounts cannot be estimated.
        command = [str(program), "-o", str(order), "-S", memory, "-T", folder, "--discount_fallback"]
        if prune:
            command += ["--prune", *map(str, prune)]
        try:
            result = subprocess.run(
                [*command, "--text", str(text), "--arpa", str(arpa)], capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise LanguageTrainingFailed(f"lmplz took longer than {timeout:g} s.") from error
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise LanguageTrainingFailed("lmplz failed: " + " ".join(said))
