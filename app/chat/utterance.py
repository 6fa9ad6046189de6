"""From what was heard to what the bot is told."""

from __future__ import annotations

from asr import Transcript
from bot import Utterance


def spoken(transcript: Transcript) -> Utterance:
    """Return what the bot gets to know of a transcript: what was said, how surely, and each character's candidates."""
    candidates: list[tuple[tuple[str, float], ...]] = []
    for token in transcript.tokens:
        single = [
            (alternative.text, alternative.probability)
            for alternative in token.alternatives
            if len(alternative.text) == len(token.text) == 1
        ]
        candidates += [tuple(single) or ((character, token.confidence),) for character in token.text]
    text = transcript.spoken
    return Utterance(
        text=text,
        source="spoken",
        confidence=transcript.confidence,
        # Spaces between Latin words stand in the text and in no token; candidates that do not line up are worse
        # than none.
        alternatives=tuple(candidates) if len(candidates) == len(text) else (),
    )
