"""Cutting an utterance into clauses, and telling what each is for: to state, to ask, to request, to set a condition.

Whether a clause is put as a question is told by grammar: a particle at its end (吗, 呢), an interrogative (几点, 谁,
怎么), A-not-A (能不能, 是不是) or a question mark. What such a clause is for, an answer or a deed, is told by a
classifier that is trained on the examples of acts.yaml; of words like no example nothing is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import yaml

from bot.understanding.classifier import Example, IntentClassifier, open_classifier

Act = Literal["state", "ask", "request", "condition"]

_VALUE = chr(0xE000)
_EXAMPLES = Path(__file__).with_name("acts.yaml")
_ENDS = re.compile(
    r"[,。;!?…\n]+|(?<=[吗呢吧啊])(?=[^,。;!?…\n吗呢吧啊的])|(?<=.)(?=但是|不过|可是|然后|顺便|另外|要不然)"
)

_INTERROGATIVE = (
    r"多少|几(?=[点楼号层岁月次元块路时站]|[个位张天种家](?:[^\w]|$)|[^\w]|$)|谁|什么|啥|怎么|怎样|咋|哪(?!怕)|为何|为啥|何时|何地|如何|"
    r"多(?:久|大|远|长|高|重|贵|深|快)(?!了)|干嘛|干吗|是否|有无|难道"
)
_A_NOT_A = (
    r"(?P<verb>[能会要是行好对可有成在去看用贵疼难])(?:不|没)(?P=verb)|"
    r"可不可以|可以不可以|有没有|应不应该|知不知道|需不需要"
)
_EITHER_OR = r"是.{1,8}还是.{1,8}"
_QUESTION = re.compile(rf"\?|[吗嘛么]+[\W_]*$|[^\w]么$|呢[\W_]*$|{_INTERROGATIVE}|{_A_NOT_A}|{_EITHER_OR}")
_PARTICLE = re.compile(r"\?|吗|[^什怎那这多要]么|呢[\W_]*$")
_INDEFINITE = re.compile(
    r"(?:随便|不管|无论|不论|任何)?(?:什么|啥|哪[个天里儿位家]?|谁|怎么|多少|几点)(?:时候|时间|样|日子|人|科)?[^,。;]{0,4}(?:都|也)(?:行|可|好|成|可以|没|不|能|有空|一样)"
    r"|(?P<same>哪[个位天家]|谁|什么|多少).{1,8}(?P=same)"
    r"|随便(?:什么|哪|谁|怎么)|没(?:有)?什么|没啥|什么的(?!时)|不怎么|怎么说呢|那什么|哪里哪里|多少有点|不(?:知道|清楚|记得).{0,8}"
)
_HOLDS = re.compile(rf"\?|吗|[^什怎那这多要]么(?:[\W_]|$)|呢|{_INTERROGATIVE}|{_A_NOT_A}|{_EITHER_OR}")
_CONDITION = re.compile(r"^(?:那|但|不过|可)?(?:如果|要是|假如|万一|除非|只要|等(?!一下|等|会))")
_BACK_OUT = re.compile(
    r"但是|不过|可是|就是|只是|先(?:别|不|等)|别(?!的)|等(?:一下|等|会|我)|再(?:想|看|说|考虑)|如果|要是|万一|除非|假如"
)
_SURE = 0.5


@dataclass(frozen=True)
class Clause:
    """A part of an utterance between two character positions, and what it is for."""

    start: int
    end: int
    act: Act


def is_question(text: str) -> bool:
    """Whether a clause is put as a question; 什么时候都行 is none, though it holds an interrogative."""
    plain = _INDEFINITE.sub("", text)
    return bool(_QUESTION.search(plain.strip()))


def holds_question(text: str) -> bool:
    """Whether a question mark, particle or interrogative stands anywhere, even where it asks nothing."""
    return bool(_HOLDS.search(text))


def hesitates(text: str) -> bool:
    """Whether an utterance makes a reservation (but, if, wait) that a yes beside it does not cover."""
    return bool(_BACK_OUT.search(text))


def cut(text: str, values: Iterable[tuple[int, int]] = ()) -> list[Clause]:
    """Cut normalised `text` into its clauses, in order; `values` are where slot values stand in it.

    A value is never cut through, and commas inside 、-lists cut nothing.
    """
    spans = list(values)
    bounds = [0]
    for match in _ENDS.finditer(text):
        inside = any(start < match.start() < end or start < match.end() < end for start, end in spans)
        if not inside and match.end() > bounds[-1]:
            bounds.append(match.end())
    bounds.append(len(text))
    clauses = []
    for start, end in pairwise(bounds):
        if any(character.isalnum() for character in text[start:end]):
            clauses.append(Clause(start, end, _act(text, start, end, spans)))
    return clauses


def _act(text: str, start: int, end: int, spans: Iterable[tuple[int, int]]) -> Act:
    words = text[start:end]
    if is_question(words):
        marked = words
        for first, last in sorted(spans, reverse=True):
            if start <= first and last <= end:
                marked = marked[: first - start] + _VALUE + marked[last - start :]
        request = _classifier().probabilities(marked).get("request", 0.0)
        return "request" if request >= _SURE else "ask"
    return "condition" if _CONDITION.search(words) else "state"


@cache
def _classifier() -> IntentClassifier:
    examples = yaml.safe_load(_EXAMPLES.read_text(encoding="utf-8"))
    return open_classifier(
        [Example(text.replace("V", _VALUE), act) for act, texts in examples.items() for text in texts]
    )


def prepare() -> None:
    """Train the classifier of acts now, not in the first turn."""
    _classifier()
