"""The words beside a value that tell which slot it is for: 从 before where a train starts, 距肛门 before a distance."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.slots import Mention
from bot.slots.model import AFTER, Slot
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds, near_class, syllables

_NEAR_ENOUGH = 0.75  # one syllable of three may be lost
_VERB = re.compile("(?:是|改成|换成|改为|改到)?")


class Cues:
    """The cues of a domain's slots; a slot's own names are cues, too. Immutable, safe to share."""

    def __init__(self, slots: Mapping[str, Slot]) -> None:
        """Index the cues of all slots that have some."""
        cued = {name: slot for name, slot in slots.items() if slot.cues}
        before = {name: _before(slot) for name, slot in cued.items()}
        self._only = frozenset(name for name, slot in cued.items() if slot.only_cued)
        self._patterns = {name: (_ending_in(before[name]), _beginning_with(_after(cued[name]))) for name in cued}
        self._owners: dict[str, set[str]] = {}
        for name, words in before.items():
            for word in words:
                self._owners.setdefault(word, set()).add(name)
        self._sounds = SoundLexicon([word for word in self._owners if len(word) > 1])
        self._syllables = {
            name: {near_class(syllables(word)[0]) for word in words if len(word) == 1} for name, words in before.items()
        }

    def heard(self, heard: CleanText, sounds: Sounds | None) -> dict[str, set[int]]:
        """Return for each slot where the cues end that only sound like its own; {} for typed text."""
        places: dict[str, set[int]] = {}
        if sounds is None or not self._owners:
            return places
        for match in self._sounds.find(sounds, min_score=_NEAR_ENOUGH):
            for slot in self._owners[match.word]:
                verb = _VERB.match(heard.text, match.end)
                places.setdefault(slot, set()).update({match.end, verb.end() if verb else match.end})
        for slot, single in self._syllables.items():
            ends = {end for end, one in enumerate(syllables(heard.text), 1) if near_class(one) in single}
            places.setdefault(slot, set()).update(ends)
        return places

    def stand_by(self, mention: Mention, heard: CleanText, places: Mapping[str, set[int]]) -> bool:
        """Whether a cue of its slot stands beside a mention; `places` are those of `heard`."""
        if mention.slot not in self._patterns:
            return False
        before, after = self._patterns[mention.slot]
        spelled = before.search(heard.text[: mention.start]) or after.match(heard.text[mention.end :])
        return bool(spelled) or mention.start in places.get(mention.slot, ())

    def needed(self, slot: str) -> bool:
        """Whether a value is for this slot only beside a cue."""
        return slot in self._only


def _before(slot: Slot) -> list[str]:
    return [*(cue for cue in slot.cues if not cue.startswith(AFTER)), slot.label, *slot.aliases]


def _after(slot: Slot) -> list[str]:
    return [cue.removeprefix(AFTER) for cue in slot.cues if cue.startswith(AFTER)]


def _ending_in(words: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(map(re.escape, words))}){_VERB.pattern}$")


def _beginning_with(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)) or "(?!)")
