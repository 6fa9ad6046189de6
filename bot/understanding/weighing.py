"""Weighing the mentions of an utterance against each other and its words: ranges, routes, stories, cues."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.slots import Mention
from bot.understanding.normalised import CleanText

_CUED, _ASKED, _UNUSABLE = 0.3, 0.1, 0.5
_STORY = re.compile(
    r"开始|以来|就(?!诊|挂|约)|从|那天|疼|痛|烧|咳|吐|拉|晕|摔|难受|不舒服|不吃|哭|睡|痒|肿|了|过(?!几天)"
)
_WANTED = re.compile(r"挂|约|订|号|票|买|改|预|看(?:病|医生|门诊)|想来|过来|能来")
_OBJECT = re.compile(r"把[^,。;]{1,8}?(?:退|改|换|取消|删|推|提|挪|订|约|挂|发|写|记|弄)")
_RANGE = re.compile(r"(?:一直)?[到至~-]|延(?:伸|续)[到至]")


def takes_an_object(text: str, mention: Mention) -> bool:
    """Whether a mention begins with the 把 of what is to be done with something: 把号退掉 is no 八号."""
    return text[mention.start] == "把" and bool(_OBJECT.match(text, mention.start))


def covered(mention: Mention, others: Sequence[Mention]) -> bool:
    """Whether what may be any words is the value of another slot: 明天 is no place."""
    return any(one.slot != mention.slot and one.start < mention.end and mention.start < one.end for one in others)


def without_the_story(text: str, mentions: Sequence[Mention], asked: str) -> list[Mention]:
    """Leave out days that are over and hours nobody can have where they belong to a story: 昨天晚上开始发烧."""
    kept: list[Mention] = []
    dropped = -1
    for mention in mentions:
        start = max(text.rfind(mark, 0, mention.start) for mark in ",。;") + 1
        ends = [place for mark in ",。;" if (place := text.find(mark, mention.end)) >= 0]
        clause = text[start : min(ends, default=len(text))]
        told = _STORY.search(clause) and not _WANTED.search(clause)
        unusable = mention.problem in ("date_past", "choice_refused") and mention.slot != asked
        if (unusable and told) or (mention.problem and mention.start == dropped):
            dropped = mention.end
        else:
            kept.append(mention)
    return kept


def blank(heard: CleanText, start: int, end: int) -> CleanText:
    """Return the utterance with commas between two positions."""
    gap = "," * (end - start)
    return replace(
        heard,
        text=heard.text[:start] + gap + heard.text[end:],
        shown=heard.shown[:start] + gap + heard.shown[end:],
    )


def coverage(heard: CleanText, mentions: Sequence[Mention]) -> float:
    """Return the share of the characters said that belong to mentions, 0 to 1."""
    said = [index for index, character in enumerate(heard.text) if character.isalnum()]
    held = [index for index in said if any(mention.start <= index < mention.end for mention in mentions)]
    return len(held) / len(said) if said else 0.0


def without(heard: CleanText, mentions: Sequence[Mention]) -> CleanText:
    """Return the utterance with the mentions' characters replaced by commas."""
    for mention in mentions:
        heard = blank(heard, mention.start, mention.end)
    return heard


def weighed_by_cue(mention: Mention, asked: str, *, cued: bool) -> Mention:
    """Prefer, of two slots that may have the same value, the one whose cue stands beside it, then the one asked."""
    gain = mention.gain + (_CUED if cued else 0.0) + (_ASKED if mention.slot == asked else 0.0)
    # what cannot be used explains less than what can: 2026-11-24 is no telephone number of eight digits
    return replace(mention, gain=gain - (_UNUSABLE if mention.problem and mention.slot != asked else 0.0))


def joined(text: str, mentions: Sequence[Mention], carried: Collection[str]) -> list[Mention]:
    """Return the mentions with a range of places made one: 直肠至乙状结肠."""
    joined: list[Mention] = []
    for mention in mentions:
        last = joined[-1] if joined else None
        same = last is not None and mention.slot in carried and last.slot == mention.slot
        if last is not None and same and _RANGE.fullmatch(text[last.end : mention.start]):
            both = f"{last.value}至{mention.value}"
            joined[-1] = replace(last, value=both, said=text[last.start : mention.end], end=mention.end)
        else:
            joined.append(mention)
    return joined


def spread(
    mentions: list[Mention], cued: Sequence[Mention], asked: str, places: Collection[str], opening: Collection[str]
) -> list[Mention]:
    """Return the mentions with the places of a route told apart: where one is the start, the other is not.

    河南郑州，我在北京: of two places that may both be where a journey starts, one stands beside a word for it.
    """
    told = list(mentions)
    for index, mention in enumerate(mentions):
        others = [one for one in mentions if one.slot == mention.slot and one.value != mention.value]
        free = [name for name in places if name != mention.slot and all(one.slot != name for one in mentions)]
        if mention.slot not in places or not free or mention in cued:
            continue
        if any(one in cued for one in others) or (mention.slot != asked and free[0] in opening):
            told[index] = replace(mention, slot=free[0])
    return told
