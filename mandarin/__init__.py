"""The language itself, shared by recognition, dialogue and speech: words, pinyin, near sounds, numbers.

Nothing of `app`, `asr` or `bot` may be imported here.
"""
