"""What a person typed, made safe to show and to keep."""

from __future__ import annotations

import unicodedata

from app.errors import TextEmpty, TextTooLong

# Line breaks and tabs are kept; so are the joiners inside emoji. What turns the writing direction around
# (category Cf, these nine) could make a message read as something it does not say.
_KEPT_CONTROLS = "\n\t"
_DIRECTION_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: str, max_characters: int) -> str:
    """Return `text` without control characters; raises TextEmpty or TextTooLong."""
    if len(text) > max_characters:
        raise TextTooLong(
            f"The message has {len(text)} characters; at most {max_characters} are taken.",
            characters=len(text),
            max_characters=max_characters,
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned = "".join(
        character
        for character in unicodedata.normalize("NFC", text)
        if character in _KEPT_CONTROLS
        or (unicodedata.category(character) not in ("Cc", "Cs") and character not in _DIRECTION_CONTROLS)
    ).strip()
    if not any(unicodedata.category(character)[0] not in "ZC" for character in cleaned):
        raise TextEmpty("The message has no visible character.")
    return cleaned
