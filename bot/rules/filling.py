"""Putting the values of an utterance into a frame: which of them count, which are doubtful, which contradict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.slots import SURE, Mention
from bot.state import Frame, SlotValue
from bot.understanding.nlu import Understanding


@dataclass(frozen=True)
class Filling:
    """A frame after an utterance, and what became of the values in it.

    `filled` and `changed` name slots; `hinted` gives the words for those that were only hinted at. At most one
    `problem` (a value that cannot be used), one `unsure` (to be confirmed) and one group of `ambiguous` values are
    dealt with in a turn. `seen` counts the values that the frame has already.
    """

    frame: Frame
    filled: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    hinted: Mapping[str, str] = field(default_factory=dict)
    problem: Mention | None = None
    unsure: Mention | None = None
    ambiguous: tuple[Mention, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether the utterance had nothing for this frame."""
        used = self.filled or self.changed or self.emptied or self.seen or self.ambiguous
        return not (used or self.problem or self.unsure)


def fill(
    frame: Frame, slots: Sequence[str], heard: Understanding, asked: str, so_far: Filling | None = None
) -> Filling:
    """Put the mentions of `heard` into `frame`, slot by slot in the task's order; `asked` is the slot asked for.

    What `so_far` tells of other slots is kept.
    """
    result = replace(so_far, frame=frame) if so_far else Filling(frame)
    for slot in slots:
        mentions = [mention for mention in heard.mentions if mention.slot == slot]
        if mentions:
            result = _fill_slot(result, slot, mentions, heard, asked)
    return result


def _fill_slot(result: Filling, slot: str, mentions: Sequence[Mention], heard: Understanding, asked: str) -> Filling:
    current = result.frame.slots.get(slot)
    meant = [mention for mention in mentions if not mention.negated]
    if not meant:
        return _take_back(result, slot, mentions, current)
    usable = [m for m in meant if m.value and (slot, m.value) not in result.frame.rejected] or meant
    distinct = list({mention.value: mention for mention in usable}.values())
    if len(distinct) > 1 and not heard.correcting:
        return result if result.ambiguous else replace(result, ambiguous=tuple(distinct))
    mention = usable[-1]
    doubtful = heard.spoken and mention.confidence < SURE
    if (slot, mention.value) in result.frame.rejected and doubtful:
        return result
    if current is not None and doubtful and slot != asked and not heard.correcting:
        return result  # a filled slot is not overwritten by what may be a coincidence of sounds
    if mention.problem:
        return replace(result, problem=result.problem or mention)
    if current is not None and current.value == mention.value:
        return replace(result, seen=(*result.seen, slot))
    if (doubtful or mention.confidence < SURE) and slot not in result.frame.checked:
        return replace(result, unsure=result.unsure or mention)
    return _put(result, slot, mention, changed=current is not None)


def _take_back(result: Filling, slot: str, mentions: Sequence[Mention], current: SlotValue | None) -> Filling:
    """Empty a slot whose value the user says is not meant; a denial of anything else says nothing."""
    if current is None or all(mention.value != current.value for mention in mentions):
        return result
    frame = replace(result.frame.without(slot), rejected=(*result.frame.rejected, (slot, current.value)))
    return replace(result, frame=frame, emptied=(*result.emptied, slot))


def _put(result: Filling, slot: str, mention: Mention, *, changed: bool) -> Filling:
    value = SlotValue(mention.value, mention.said, mention.confidence)
    frame = replace(result.frame, slots={**result.frame.slots, slot: value})
    hinted = (
        {**result.hinted, slot: mention.details.get("word", mention.said)} if mention.how == "hint" else result.hinted
    )
    if changed:
        return replace(result, frame=frame, changed=(*result.changed, slot), hinted=hinted)
    return replace(result, frame=frame, filled=(*result.filled, slot), hinted=hinted)
