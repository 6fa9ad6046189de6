"""An utterance made ready for reading: clean characters, each with how sure the recogniser was of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bot.turn import Utterance

MAX_CHARACTERS = 400
"""A turn longer than this is read only so far: nobody answers a question at such length, and time is bounded."""

_EMOJI = str.maketrans(dict.fromkeys("👌👍🆗✅☑✔💯", "好") | dict.fromkeys("❌✖👎🙅", "不") | {"🙏": "谢", "👋": "喂"})
_DASHES = str.maketrans({"—": "-", "–": "-", "－": "-", "‐": "-", "−": "-", "~": "-"})


@dataclass(frozen=True)
class CleanText:
    """Normalised text (NFKC, lower case, no control characters) and what is known of each of its characters.

    `shown` is the same text in its own case and with its own punctuation. `certainty` and `candidates` run parallel to
    `text`: the recogniser's probability of the character (1.0 when typed), and the other characters it considered with
    theirs.
    """

    text: str
    shown: str
    spoken: bool
    certainty: tuple[float, ...]
    candidates: tuple[tuple[tuple[str, float], ...], ...]

    @property
    def silent(self) -> bool:
        """Whether nothing was said: no letter, digit or character at all."""
        return not any(character.isalnum() for character in self.text)

    def sureness(self, start: int, end: int) -> float:
        """Return the mean certainty of the characters from `start` to `end`, 0 to 1."""
        window = self.certainty[start:end]
        return sum(window) / len(window) if window else 0.0


def normalise(utterance: Utterance) -> CleanText:
    """Normalise an utterance; any text is accepted, at most MAX_CHARACTERS of it are kept."""
    spoken = utterance.source == "spoken"
    aligned = utterance.alternatives if len(utterance.alternatives) == len(utterance.text) else ()
    overall = min(1.0, max(0.0, utterance.confidence)) if spoken else 1.0
    shown: list[str] = []
    plain: list[str] = []
    certainty: list[float] = []
    candidates: list[tuple[tuple[str, float], ...]] = []
    for index, raw in enumerate(utterance.text[: 4 * MAX_CHARACTERS]):
        options = aligned[index] if aligned and spoken else ()
        chosen = next((probability for text, probability in options if text == raw), overall)
        for character in _clean(raw):
            if character == " " and (not plain or plain[-1] == " "):
                continue
            shown.append(raw if len(raw) == 1 and unicodedata.category(raw).startswith("P") else character)
            plain.append(character)
            certainty.append(chosen)
            candidates.append(tuple((text, p) for text, p in options if text != raw and len(text) == 1))
    text = "".join(plain[:MAX_CHARACTERS])
    return CleanText(
        text="".join(character.lower() if len(character.lower()) == 1 else character for character in text),
        shown="".join(shown[:MAX_CHARACTERS]),
        spoken=spoken,
        certainty=tuple(certainty[:MAX_CHARACTERS]),
        candidates=tuple(candidates[:MAX_CHARACTERS]),
    )


def _clean(raw: str) -> str:
    kept = []
    for character in unicodedata.normalize("NFKC", raw.translate(_EMOJI)).translate(_DASHES):
        if character.isspace():
            kept.append(" ")
        elif not unicodedata.category(character).startswith("C"):
            kept.append(character)
    return "".join(kept)
