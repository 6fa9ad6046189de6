"""What a recogniser heard: text, with times, confidence and the candidates it chose from.

There are two forms of it. The spoken one is what was said, token by token: 百分之五十. The written one is what a reader
wants to see, word by word: 50%. Every word knows its tokens, so that times, candidates and hotwords stay with the
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Alternative:
    """One candidate for a token and its posterior probability, 0 to 1."""

    text: str
    probability: float


@dataclass(frozen=True)
class Token:
    """One recognised unit (a Mandarin character, or a piece of a Latin word).

    `start` and `end` are seconds from the start of the audio. `confidence` is the posterior probability of
    `text`, 0 to 1; where a hotword was put, it is how sure its tier was. `alternatives` are the best candidates,
    most probable first, `text` itself among them, or, where a hotword was put, that before those the model had.
    """

    text: str
    start: float
    end: float
    confidence: float
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class Change:
    """A hotword that now stands where the model alone had `heard` something else.

    `word` is at the tokens `start` to `end` (exclusive) of its segment; `tier` names what put it there: `bias`,
    `lattice` or `phonetic`.
    """

    word: str
    start: int
    end: int
    heard: str
    tier: str


@dataclass(frozen=True)
class Formatting:
    """How far recognised speech is brought into the form in which people write.

    `punctuation` sets marks between words; `itn` (inverse text normalisation) writes 百分之五十 as 50%.
    """

    punctuation: bool = True
    itn: bool = True


FORMATTED = Formatting()
PLAIN = Formatting(punctuation=False, itn=False)


@dataclass(frozen=True)
class Word:
    """A piece of the written text and the tokens that it stands for.

    `text` is as people write it (50% for the five tokens 百分之五十), `punctuation` the mark behind it, or nothing.
    `start` and `end` are seconds from the start of the audio. It stands for the tokens `first` to `last` (exclusive)
    of its segment.
    """

    text: str
    start: float
    end: float
    first: int
    last: int
    punctuation: str = ""


@dataclass(frozen=True)
class Reading:
    """A text that a stretch of speech may be, as it is spoken, and its score: higher is likelier, in nats."""

    text: str
    score: float


@dataclass(frozen=True)
class Segment:
    """One stretch of speech between two pauses; times are seconds from the start of the audio.

    `words` stand for all of `tokens`, in order, each token in exactly one word; left out, they are the tokens as they
    were spoken. `channel` is the end of a call, 0 or 1, at which it was spoken, where they were kept apart. `readings`
    are the likeliest texts, the best first, where they were asked for. Raises ValueError for words that do not.
    """

    start: float
    end: float
    tokens: tuple[Token, ...]
    changes: tuple[Change, ...] = ()
    words: tuple[Word, ...] = ()
    channel: int | None = None
    readings: tuple[Reading, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the words, or check them."""
        if not self.words:
            object.__setattr__(self, "words", spoken_words(self.tokens))
        edges = [0, *(word.last for word in self.words)]
        covered = all(word.first == edge < word.last for word, edge in zip(self.words, edges, strict=False))
        if not covered or edges[-1] != len(self.tokens):
            raise ValueError(f"the words of a segment leave out, or repeat, some of its {len(self.tokens)} tokens")

    @property
    def text(self) -> str:
        """The written form: words and punctuation."""
        return join_texts(word.text + word.punctuation for word in self.words)

    @property
    def spoken(self) -> str:
        """What was said, without punctuation, every number in words."""
        return join_texts(token.text for token in self.tokens)

    def shifted(self, seconds: float) -> Segment:
        """Return the same, said `seconds` later: what was heard in a piece, at its place in the whole."""
        return replace(
            self,
            start=self.start + seconds,
            end=self.end + seconds,
            tokens=tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in self.tokens),
            words=tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in self.words),
        )


@dataclass(frozen=True)
class Transcript:
    """All that was heard in one recording of `seconds` length; no segments when nobody spoke."""

    segments: tuple[Segment, ...]
    seconds: float

    @property
    def text(self) -> str:
        """The written form of all segments, joined: what a reader sees."""
        return join_texts(segment.text for segment in self.segments)

    @property
    def spoken(self) -> str:
        """What was said in all segments, joined, without punctuation, every number in words."""
        return join_texts(segment.spoken for segment in self.segments)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments, in order of time; each counts tokens from the start of its own segment."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of all segments, in order of time."""
        return tuple(token for segment in self.segments for token in segment.tokens)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What hotwords changed in all segments, in order of time."""
        return tuple(change for segment in self.segments for change in segment.changes)

    @property
    def confidence(self) -> float:
        """Mean confidence of the tokens, 0 to 1; 0.0 when there are none."""
        tokens = self.tokens
        return sum(token.confidence for token in tokens) / len(tokens) if tokens else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, strings and numbers, ready for JSON."""
        return {
            "seconds": self.seconds,
            "segments": [
                {
                    "text": segment.text,
                    "start": segment.start,
                    "end": segment.end,
                    "tokens": [_token_to_dict(token) for token in segment.tokens],
                    "changes": [asdict(change) for change in segment.changes],
                    "words": [asdict(word) for word in segment.words],
                    "channel": segment.channel,
                    **({"readings": [asdict(reading) for reading in segment.readings]} if segment.readings else {}),
                }
                for segment in self.segments
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Transcript:
        """Rebuild what `to_dict` gave, now or in an older version; raises KeyError when a field is missing."""
        return cls(
            segments=tuple(
                Segment(
                    start=float(segment["start"]),
                    end=float(segment["end"]),
                    tokens=tuple(_token_from_dict(token) for token in segment["tokens"]),
                    # Transcripts stored before there were hotwords have none.
                    changes=tuple(Change(**change) for change in segment.get("changes", ())),
                    # Nor were there words apart from the tokens once.
                    words=tuple(Word(**word) for word in segment.get("words", ())),
                    channel=segment.get("channel"),
                    readings=tuple(Reading(**reading) for reading in segment.get("readings", ())),
                )
                for segment in data["segments"]
            ),
            seconds=float(data["seconds"]),
        )


def join_texts(texts: Iterable[str]) -> str:
    """Join tokens or segments: Chinese without spaces, Latin words and numbers with one between them.

    A token that ends in "@@" is the beginning of a word that the next one goes on with (FunASR's English units).
    """
    joined = ""
    within_word = False
    for text in texts:
        piece = text.removesuffix("@@")
        spaced = not within_word and joined[-1:].isascii() and joined[-1:].isalnum() and piece[:1].isascii()
        joined += " " + piece if spaced and piece[:1].isalnum() else piece
        within_word = text.endswith("@@")
    return joined


def spoken_words(tokens: Sequence[Token]) -> tuple[Word, ...]:
    """Return tokens as words, unchanged; the pieces of one Latin word are one."""
    words = []
    first = 0
    for last, token in enumerate(tokens, 1):
        if not token.text.endswith("@@") or last == len(tokens) or not tokens[last].text.isascii():
            text = join_texts(token.text for token in tokens[first:last])
            words.append(Word(text, tokens[first].start, token.end, first, last))
            first = last
    return tuple(words)


def _token_to_dict(token: Token) -> dict[str, Any]:
    return {
        "text": token.text,
        "start": token.start,
        "end": token.end,
        "confidence": token.confidence,
        "alternatives": [[alternative.text, alternative.probability] for alternative in token.alternatives],
    }


def _token_from_dict(data: Mapping[str, Any]) -> Token:
    return Token(
        text=str(data["text"]),
        start=float(data["start"]),
        end=float(data["end"]),
        confidence=float(data["confidence"]),
        alternatives=tuple(Alternative(str(text), float(probability)) for text, probability in data["alternatives"]),
    )
