"""What the user wants: the domain's keywords, a classifier trained on its examples, and similarity to them.

Keywords are the operator's rules. The classifier (classifier.py) knows what the examples of an intent have in
common, similarity finds the one example that is nearest, and the higher of the three counts. Examples are compared
as TF-IDF vectors of one and two characters; what was spoken also as vectors of syllable classes, so that a homophone
costs next to nothing. Slot values count as their slot: 我要挂骨科 is 我要挂{department}.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bot.domains.domain import Domain
from bot.domains.parts import Intent
from bot.slots import SURE, Mention
from bot.slots.mention import believable
from bot.understanding.classifier import NOTHING, Example, open_classifier
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds, near_class, syllables

CERTAIN = 0.6
"""An intent with at least this confidence is acted on."""
POSSIBLE = 0.42
"""An intent with at least this confidence is asked about, where acting on it would lose something."""

_BARE_VALUES = 4  # of each slot are enough to know a bare value by
_SLOT_MARK = 0xE000  # private use: one character stands for a slot's value
_SOUND_DISCOUNT = 0.95
_HEARD = SURE - 0.01
_PARTICLES = re.compile(r"[啊呀吧呢嘛哦呃额了的哈啦哟噢,，。.!！?？、;；:：\s]+$")
_LEADING = re.compile(r"^[嗯呃额啊哦那,，。\s]+")
_NOT = re.compile(r"(?:不|别|没|不想|不要|不用)$")
_DENIALS = re.compile(r"不对|不是|(?<!没)错了|有误|不行")


class IntentMatcher:
    """Ranks the intents of a domain for an utterance. Immutable after construction."""

    def __init__(self, domain: Domain) -> None:
        """Index the examples and keywords of every intent."""
        self._marks = {slot: chr(_SLOT_MARK + index) for index, slot in enumerate(domain.slots)}
        pairs = [(name, self._marked(text)) for name, intent in domain.intents.items() for text in intent.examples]
        self._names = [name for name, _ in pairs]
        self._spelled = _Similarity([_characters(text) for _, text in pairs])
        self._sounded = _Similarity([_syllables(text) for _, text in pairs])
        self._keywords = {
            name: sorted((word.lower() for word in intent.keywords), key=len, reverse=True)
            for name, intent in domain.intents.items()
        }
        self._keyword_sounds = {
            name: {_folded(word) for word in words}
            for name, words in self._keywords.items()
            if domain.intents[name].at == "start"
        }
        self._intents: Mapping[str, Intent] = domain.intents
        words = (word for intent in domain.intents.values() for word in (*intent.keywords, *intent.examples))
        # a plain yes or no is one, whatever it is like
        self._plain = {
            word for name, found in self._keywords.items() if domain.intents[name].at == "start" for word in found
        }
        self._whole = {_PARTICLES.sub("", word.lower()) for word in words} - {""}
        anywhere = [(w, n) for n, words in self._keywords.items() if domain.intents[n].at == "anywhere" for w in words]
        self._owners = dict(reversed(anywhere))
        self._classifier = open_classifier(list(self._to_learn(domain)))
        self._lexicon = SoundLexicon([word for word, _ in anywhere if len(word) > 1])

    def rank(
        self, heard: CleanText, sounds: Sounds | None, mentions: Iterable[Mention], *, guess: bool = True
    ) -> list[tuple[str, float]]:
        """Return the intents with their confidence (0 to 1), the likeliest first; unlikely ones are left out.

        Without `guess` only what is like an example or holds a keyword counts, not what the classifier makes of it.
        """
        found: dict[str, float] = {}
        text = self._delexicalised(heard.text, mentions)
        bare = _LEADING.sub("", _PARTICLES.sub("", text))
        for name, confidence in (
            *self._by_example(text, sounds is not None),
            *(self._by_classifier(text, sounds is not None) if guess and bare not in self._plain else ()),
            *(self._by_example(heard.text, False) if text != heard.text else ()),  # 下午好 is more than its 下午
            *self._by_keyword(bare, text),
            *(self._by_keyword(_PARTICLES.sub("", heard.text), heard.text) if self.is_whole(heard) else ()),
            *(self._by_sound(bare, sounds) if sounds else ()),
        ):
            found[name] = max(confidence, found.get(name, 0.0))
        found.pop(NOTHING, None)
        if _DENIALS.search(text):
            found["deny"] = max(found.get("deny", 0.0), 0.65)
            found.pop("affirm", None)
        for name in self._refused(bare):
            found.pop(name, None)
        ranked = sorted(found.items(), key=lambda pair: -pair[1])
        return [(name, confidence) for name, confidence in ranked if confidence >= POSSIBLE / 2]

    def _to_learn(self, domain: Domain) -> Iterator[Example]:
        """Yield the examples of the intents that are told by their meaning, and for none the bare values of slots."""
        for name, intent in domain.intents.items():
            if intent.at == "anywhere":
                yield from (Example(self._marked(text), name) for text in (*intent.examples, *intent.keywords))
        for slot, mark in self._marks.items():
            yield from (Example(mark * times, NOTHING) for times in (1, 2))
            yield from (Example(value.value, NOTHING) for value in domain.slots[slot].values[:_BARE_VALUES])

    def likeness(self, heard: CleanText, mentions: Iterable[Mention], intent: str) -> float:
        """Return how like an example of `intent` an utterance is, 0 to 1; keywords do not count."""
        text = self._delexicalised(heard.text, mentions)
        return dict(self._by_example(text, heard.spoken)).get(intent, 0.0)

    def sounds_whole(self, text: str, intent: str) -> bool:
        """Whether all of an utterance sounds like a keyword of `intent`, one that counts at the start."""
        bare = _LEADING.sub("", _PARTICLES.sub("", text))
        return bool(bare) and _folded(bare) in self._keyword_sounds.get(intent, ())

    def says(self, intent: str, heard: CleanText, sounds: Sounds | None) -> bool:
        """Whether a keyword of `intent` stands in an utterance, without a "not" before it, or sounds like it."""
        for word in self._keywords.get(intent, ()):
            place = heard.text.find(word)
            if place >= 0 and not _NOT.search(heard.text[:place]):
                return True
        near = self._lexicon.find(sounds, min_score=0.8, most=4) if sounds else []
        return any(self._owners[one.word] == intent and believable(one, asked=False) for one in near)

    def is_whole(self, heard: CleanText) -> bool:
        """Whether the utterance is, to the letter, a keyword or an example of an intent."""
        return _PARTICLES.sub("", heard.text) in self._whole

    def _marked(self, example: str) -> str:
        for slot, mark in self._marks.items():
            example = example.replace(f"{{{slot}}}", mark)
        return example.lower()

    def _delexicalised(self, text: str, mentions: Iterable[Mention]) -> str:
        for mention in sorted(mentions, key=lambda one: -one.start):
            if mention.how != "bare":
                text = text[: mention.start] + self._marks[mention.slot] + text[mention.end :]
        return text

    def _by_classifier(self, text: str, spoken: bool) -> list[tuple[str, float]]:
        """Return the probabilities; by what sounds alike alone nobody is sure of what was spoken."""
        found = self._classifier.probabilities(text)
        return [(name, min(share, _HEARD) if spoken else share) for name, share in found.items()]

    def _by_example(self, text: str, spoken: bool) -> list[tuple[str, float]]:
        scores = self._spelled.scores(_characters(text))
        if spoken:
            scores = np.maximum(scores, _SOUND_DISCOUNT * self._sounded.scores(_syllables(text)))
        best: dict[str, float] = {}
        for name, score in zip(self._names, scores.tolist(), strict=True):
            best[name] = max(score, best.get(name, 0.0))
        return list(best.items())

    def _by_keyword(self, bare: str, text: str) -> list[tuple[str, float]]:
        found = []
        lead = _LEADING.sub("", text)
        whole = _PARTICLES.sub("", text)
        for name, words in self._keywords.items():
            at_start = self._intents[name].at == "start"
            for word in words:
                if at_start:
                    hit = word in (bare, whole) or (lead.startswith(word) and _stands_alone(word, lead[len(word) :]))
                else:
                    place = lead.find(word)
                    hit = place >= 0 and not _NOT.search(lead[:place])
                if hit:
                    share = min(1.0, len(word) / max(1, len(bare)))
                    found.append((name, 0.75 + 0.25 * share))
                    break
        return found

    def _refused(self, bare: str) -> list[str]:
        """Return the intents whose keyword follows a "not" and stands nowhere without one: 不取消."""
        refused = []
        for name, words in self._keywords.items():
            places = [bare.find(word) for word in words if word in bare and self._intents[name].at == "anywhere"]
            if places and all(_NOT.search(bare[:place]) for place in places):
                refused.append(name)
        return refused

    def _by_sound(self, bare: str, sounds: Sounds) -> list[tuple[str, float]]:
        found = []
        for match in self._lexicon.find(sounds, min_score=0.8, most=4):
            if believable(match, asked=False):
                share = len(match.word) / max(1, len(sounds.text))
                found.append((self._owners[match.word], (0.45 + 0.4 * share) * match.score))
        if 0 < len(bare) <= 4:
            sound = _folded(bare)
            found += [(name, 0.7) for name, known in self._keyword_sounds.items() if sound in known]
        return found


def _stands_alone(word: str, rest: str) -> bool:
    """Whether a yes or no at the start is one: 是，… and 不对不对 are, 好像 and 中医 are not."""
    return len(word) > 1 or not rest or not rest[0].isalnum() or ord(rest[0]) >= _SLOT_MARK or rest[0] in "我的就"


def _folded(text: str) -> tuple[str, ...]:
    return tuple(near_class(syllable) for syllable in syllables(text))


def _characters(text: str) -> list[str]:
    units = [character for character in text if character.isalnum() or ord(character) >= _SLOT_MARK]
    return _grams(units)


def _syllables(text: str) -> list[str]:
    return _grams(_folded("".join(c for c in text if c.isalnum() or ord(c) >= _SLOT_MARK)))


def _grams(units: Sequence[str]) -> list[str]:
    padded = ["<", *units, ">"]
    return [*units, *(f"{one} {other}" for one, other in pairwise(padded))]


class _Similarity:
    """TF-IDF cosine similarity to a fixed list of texts, given as lists of features."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        counts = Counter(feature for text in texts for feature in set(text))
        self._index = {feature: index for index, feature in enumerate(counts)}
        total = len(texts) + 1
        self._weights = np.array([np.log(total / count) for count in counts.values()], dtype=np.float32)
        self._unseen = float(np.log(total))
        self._matrix: npt.NDArray[np.float32] = np.zeros((len(texts), len(counts)), dtype=np.float32)
        for row, text in enumerate(texts):
            vector, norm = self._vector(text)
            self._matrix[row] = vector / norm

    def _vector(self, features: Sequence[str]) -> tuple[npt.NDArray[np.float32], float]:
        """Return the weighted counts and their norm; a feature never seen adds to the norm only, at half weight."""
        vector = np.zeros(len(self._index), dtype=np.float32)
        unseen = 0.0
        for feature, count in Counter(features).items():
            index = self._index.get(feature)
            if index is None:
                unseen += (0.5 * self._unseen * count) ** 2
            else:
                vector[index] = count * self._weights[index]
        return vector, float(np.sqrt(float(vector @ vector) + unseen)) or 1.0

    def scores(self, features: Sequence[str]) -> npt.NDArray[np.float32]:
        vector, norm = self._vector(features)
        result: npt.NDArray[np.float32] = (self._matrix @ vector) / norm
        return result
