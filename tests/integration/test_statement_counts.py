"""A message costs few transactions and few statements: what is known travels with it and is not asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from app.chat.conversation import Conversations
from app.hotwords.lists import GLOBAL, LEXICON
from app.recognition.lanes import Lanes
from app.storage.store import Store
from asr import Audio, AudioLimits, decode_audio
from bot import open_dialogues
from tests.integration.client import InstantRecognizer, transcript_of, wav

MOST_TRANSACTIONS, MOST_STATEMENTS = 6, 12


@dataclass
class Counted:
    transactions: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def counting(engine: Engine) -> Iterator[Counted]:
    counted = Counted()

    def count_transaction(_connection: object) -> None:
        counted.transactions += 1

    def count_statement(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        counted.statements.append(statement)

    event.listen(engine, "begin", count_transaction)
    event.listen(engine, "before_cursor_execute", count_statement)
    yield counted
    event.remove(engine, "begin", count_transaction)
    event.remove(engine, "before_cursor_execute", count_statement)


@pytest.fixture
def conversations(tmp_path: Path) -> Iterator[Conversations]:
    """With hotwords of the owner's and the bot's, so that both are looked up."""
    store = Store.open(tmp_path / "data")
    dialogue = open_dialogues("clinic", store.database.engine)
    lanes = Lanes(1)
    conversations = Conversations(store, InstantRecognizer(), dialogue, limits=AudioLimits(), lanes=lanes)
    conversations.hotword_lists.write("anna", GLOBAL, "王筱铭", version=None)
    yield conversations
    lanes.close()
    store.close()


async def test_an_uploaded_voice_message_costs_six_transactions_at_most(conversations: Conversations) -> None:
    conversation_id, _ = await conversations.start("anna")
    conversations.hotword_lists.choose("anna", conversation_id, [LEXICON])
    with counting(conversations.store.database.engine) as counted:
        conversation = await conversations.open("anna", conversation_id)
        updates = [one async for one in await conversation.send_recording(wav(), client_id="one")]
    assert [(one.role, one.status) for one in updates[:3]] == [
        ("user", "recognizing"),
        ("user", "answering"),
        ("user", "done"),
    ]
    assert updates[3].role == "bot"
    assert counted.transactions <= MOST_TRANSACTIONS
    assert len(counted.statements) <= MOST_STATEMENTS, "\n".join(counted.statements)


async def test_live_speech_costs_no_more(conversations: Conversations) -> None:
    conversation_id, _ = await conversations.start("anna")
    audio: Audio = decode_audio(wav())
    with counting(conversations.store.database.engine) as counted:
        conversation = await conversations.open("anna", conversation_id)
        conversations.hotwords("anna", conversation_id)
        sent = await conversation.send_live_speech(audio, transcript_of("我要挂号"), client_id="one")
        updates = [one async for one in sent]
    assert [(one.role, one.status) for one in updates[:2]] == [("user", "answering"), ("user", "done")]
    assert updates[2].role == "bot"
    assert counted.transactions <= MOST_TRANSACTIONS
    assert len(counted.statements) <= MOST_STATEMENTS, "\n".join(counted.statements)
