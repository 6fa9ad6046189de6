"""The words of punctuation models that were trained on words instead of characters.

Such a folder has a file `jieba_usr_dict`; FunASR's `ct-punc` (iic/punc_ct-transformer_cn-en-common-vocab471067-large)
is one. jieba cuts with that dictionary, without guessing at words that are not in it, as FunASR's `split_words` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from asr.engines.optional import import_optional

DICTIONARY = "jieba_usr_dict"
_ENGLISH = re.compile("[a-zA-Z']+")


class Unit(NamedTuple):
    """A word of the model's, and the place of its last character (or Latin word) in the text."""

    text: str
    last: int


class WordCutter:
    """Cuts with one dictionary. Stateless between calls, safe to share between threads."""

    def __init__(self, dictionary: Path) -> None:
        """Read the dictionary, which takes seconds for a large one; raises EngineMissing without jieba."""
        jieba = import_optional("jieba")
        jieba.setLogLevel("WARNING")
        self._jieba = jieba.Tokenizer()  # of its own: jieba's global one would cut differently for all others too
        self._jieba.load_userdict(str(dictionary))

    def cut(self, words: Sequence[str]) -> Iterator[Unit]:
        """Put Chinese characters together to words; Latin words stay as they are, and nothing goes across them."""
        place = 0
        for english, run in groupby(words, key=lambda word: bool(_ENGLISH.fullmatch(word))):
            if english:
                for word in run:
                    yield Unit(word, place)
                    place += 1
                continue
            ends = []
            text = ""
            for word in run:
                text += word
                ends.append(len(text))
            done = start = 0
            for piece in self._jieba.cut(text, HMM=False):
                done += len(piece)
                if done in ends:  # otherwise the piece ends within one of the given words
                    yield Unit(text[start:done], place + ends.index(done))
                    start = done
            place += len(ends)
