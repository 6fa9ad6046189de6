"""The recordings that a visitor without a microphone sends: each bot has some, and they lead somewhere."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from rapidfuzz.distance import Levenshtein
from sqlmodel import create_engine

from app.api.routers.config import EXAMPLES, list_examples
from app.chat.utterance import spoken
from asr import Recognizer, decode_audio
from asr.hotwords.list import parse
from bot import Dialogue, load_domain

FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
LAST_ANSWERS = {"clinic": "骨科", "daily": "提醒", "endoscopy": "建议"}


@pytest.mark.parametrize("domain", sorted(LAST_ANSWERS))
def test_the_examples_of_a_bot_said_one_after_the_other_are_understood(domain: str, embedded: Recognizer) -> None:
    dialogue = Dialogue(load_domain(domain), create_engine("sqlite://"), clock=lambda: FRIDAY)
    dialogue.prepare()
    reply = dialogue.start()
    for example in [example for example in list_examples("zh") if example.domain == domain]:
        audio = decode_audio((EXAMPLES / example.url.rsplit("/", 1)[1]).read_bytes())
        hotwords = parse(list(dialogue.lexicon(reply.state))).hotwords
        utterance = spoken(embedded.transcribe(audio, hotwords))
        assert Levenshtein.distance(utterance.text, re.sub(r"[，。]", "", example.text)) <= 1
        assert abs(audio.seconds - example.seconds) < 0.1
        reply = dialogue.respond(utterance, reply.state)
        assert reply.state.misunderstood == 0
        answer = "\n".join(reply.texts)
    assert LAST_ANSWERS[domain] in answer
