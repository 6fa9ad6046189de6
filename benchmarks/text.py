#!/usr/bin/env python3
"""Inverse text normalisation beside WeTextProcessing's grammar (as wetext ships it) and cn2an, on the same sentences.

    PYTHONPATH=. python benchmarks/text.py [words]

Needs jieba==0.42.1, wetext and cn2an. Words of jieba's dictionary that holds a numeral and is
no number by its tag, in carrier sentences, which has to stay as it is;.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cn2an
import jieba
import kaldifst

from mandarin.numbers import NUMERALS
from mandarin.written import in_digits

CARRIERS = ("他说{}很重要", "我在{}等你", "今天看到了{}", "关于{}的事情", "{}")
COUNTING_TAGS = {"m", "mq", "t", "q"}
SENTENCE = "患者五十二岁因上腹痛三个月体重下降十二公斤血压一百二八十入院"


def words(most: int) -> list[str]:
    rows = (line.split() for line in (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").splitlines())
    numerals = {character for character in NUMERALS if not character.isascii()}
    found = [word for word, _, tag in rows if len(word) > 1 and set(word) & numerals and tag not in COUNTING_TAGS]
    return [CARRIERS[i % len(CARRIERS)].format(word) for i, word in enumerate(found[:: max(1, len(found) // most)])]


def wetext() -> Callable[[str], str]:
    spec = importlib.util.find_spec("wetext")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "fsts" / "zh" / "itn"
    tagger, verbalizer = (kaldifst.TextNormalizer(str(folder / f"{name}.fst")) for name in ("tagger", "verbalizer"))
    return lambda text: str(verbalizer(tagger(text).strip())).strip()


def by_cn2an(text: str) -> str:
    try:
        return str(cn2an.transform(text, "cn2an"))
    except ValueError:
        return text


def main() -> None:
    sentences = words(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    print(f"{len(sentences)} sentences with a word that is no number")
    for name, convert in (("tingshuo", in_digits), ("wetext", wetext()), ("cn2an", by_cn2an)):
        convert(SENTENCE)
        changed = sum(convert(sentence) != sentence for sentence in sentences)
        began = time.process_time()
        for _ in range(50):
            convert(SENTENCE)
        each = (time.process_time() - began) / 50 * 1000
        share = 1 - changed / len(sentences)
        print(f"{name:9} unchanged {share:7.2%}   {each:.2f} ms of CPU for {len(SENTENCE)} characters")


if __name__ == "__main__":
    main()
