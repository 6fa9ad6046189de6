"""The store on a real SQLite file."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.errors import ConversationUnknown, MessageUnknown, NotRetryable, RecordingMissing, StoreUnavailable
from app.storage.store import MAX_LISTED, WAV, Store, Wav
from asr import Alternative, Segment, Token, Transcript
from bot import DialogueState, QuickReply, Reply

START = datetime(2026, 3, 1, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def _reply(*texts: str, turn: int = 0, buttons: tuple[QuickReply, ...] = ()) -> Reply:
    return Reply(texts=texts, quick_replies=buttons, state=DialogueState("clinic", "k", turn=turn))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "data", clock=lambda: START)


@pytest.fixture
def conversation(store: Store) -> str:
    return store.start_conversation("anna", _reply("您好"))[0]


def test_a_greeting_of_several_bubbles_has_its_buttons_under_the_last(store: Store) -> None:
    _, messages = store.start_conversation(
        "anna", _reply("您好", "要挂号吗", buttons=(QuickReply("挂号", "我要挂号"),))
    )
    assert [message.text for message in messages] == ["您好", "要挂号吗"]
    assert [message.quick_replies for message in messages] == [[], [{"title": "挂号", "text": "我要挂号"}]]


def test_a_bot_that_says_nothing_leaves_no_bubble(store: Store, conversation: str) -> None:
    typed = store.add_typed(conversation, "你好")
    assert [message.id for message in store.answered(typed, _reply())] == [typed.id]


def test_an_answer_ends_the_message_and_moves_the_bots_state(store: Store, conversation: str) -> None:
    typed = store.add_typed(conversation, "你好")
    done, answer = store.answered(typed, _reply("好的", turn=1))
    assert (done.id, done.status, answer.text) == (typed.id, "done", "好的")
    assert store.state(conversation)["turn"] == 1


def test_messages_of_a_conversation_come_in_the_order_they_were_kept(store: Store, conversation: str) -> None:
    other, _ = store.start_conversation("anna", _reply("您好"))
    for text in ("一", "二", "三"):
        store.add_typed(conversation, text)
        store.add_typed(other, "别的")
    assert [message.text for message in store.messages("anna", conversation)] == ["您好", "一", "二", "三"]
    assert [message.text for message in store.messages("anna", conversation, limit=2)] == ["二", "三"]
    assert MAX_LISTED >= 100


def test_times_come_back_in_utc(store: Store, conversation: str) -> None:
    [greeting] = store.messages("anna", conversation)
    assert greeting.created_at == START
    assert greeting.created_at.utcoffset() == timedelta(0)
    assert greeting.created_at.tzinfo is UTC


def test_a_recording_takes_the_place_of_what_was_uploaded_once_it_is_decoded(store: Store, conversation: str) -> None:
    spoken = store.add_spoken(conversation, io.BytesIO(b"webm"))
    assert store.recording(spoken).read() == b"webm"
    decoded = store.failed(spoken, "no_speech", {}, Wav(io.BytesIO(b"RIFF"), 1.5))
    assert store.recording(decoded).read() == b"RIFF"
    assert (decoded.audio_type, decoded.seconds) == (WAV, 1.5)
    assert [kept.name for kept in store.recordings.kept()] == [decoded.audio_name]
    assert store.message("anna", conversation, spoken.id).audio_name == decoded.audio_name


def test_a_transcript_comes_back_as_it_was(store: Store, conversation: str) -> None:
    token = Token("号", 0.1, 0.3, 0.8, (Alternative("号", 0.8), Alternative("浩", 0.1)))
    transcript = Transcript((Segment(0.1, 0.3, (token,)),), 0.5)
    spoken = store.add_spoken(conversation, io.BytesIO(b"webm"))
    assert store.transcript(spoken) is None
    heard = store.recognised(spoken, transcript)
    assert (heard.text, heard.status) == ("号", "answering")
    assert store.transcript(heard) == transcript


def test_messages_left_half_way_are_failed_at_the_next_start(tmp_path: Path, store: Store, conversation: str) -> None:
    spoken = store.add_spoken(conversation, io.BytesIO(b"webm"))
    typed = store.add_typed(conversation, "你好")
    store.answered(store.add_typed(conversation, "好"), _reply("好的"))
    store.close()
    later = Store.open(tmp_path / "data")
    assert later.fail_interrupted() == 2
    codes = {message.id: message.error_code for message in later.messages("anna", conversation)}
    assert codes[spoken.id] == codes[typed.id] == "interrupted"
    assert sum(code is not None for code in codes.values()) == 2


def test_a_retry_begins_where_the_message_failed(store: Store, conversation: str) -> None:
    unheard = store.failed(store.add_spoken(conversation, io.BytesIO(b"webm")), "no_speech", {"seconds": 1.0})
    transcript = Transcript((Segment(0, 1, (Token("好", 0, 1, 0.9),)),), 1)
    heard = store.recognised(store.add_spoken(conversation, io.BytesIO(b"webm")), transcript)
    unanswered = store.failed(heard, "bot_error", {})
    assert store.reopen(conversation, unheard.id).status == "recognizing"
    again = store.reopen(conversation, unanswered.id)
    assert (again.status, again.text, again.error_code) == ("answering", "好", None)
    with pytest.raises(NotRetryable):
        store.reopen(conversation, unheard.id)


def test_what_is_not_there_is_named(store: Store, conversation: str) -> None:
    with pytest.raises(ConversationUnknown):
        store.messages("anna", "nobody")
    with pytest.raises(MessageUnknown):
        store.message("anna", conversation, "nothing")
    with pytest.raises(RecordingMissing):
        store.recording(store.add_typed(conversation, "你好"))


def test_another_database_can_be_named_by_url(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    store.start_conversation("anna", _reply("您好"))
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "data" / "tingshuo.db").exists()
    assert store.count_conversations() == 1


def test_words_of_users_are_not_in_the_errors_of_the_database(store: Store, conversation: str) -> None:
    assert store.database.engine.hide_parameters
    with store.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


class _UploadOntoAFullDisk(io.BytesIO):
    """Its first bytes can be copied, then the disk is full."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().read(4)


def test_a_full_disk_leaves_neither_half_a_recording_nor_a_message(
    tmp_path: Path, store: Store, conversation: str
) -> None:
    with pytest.raises(StoreUnavailable, match="No space left"):
        store.add_spoken(conversation, _UploadOntoAFullDisk(b"RIFF and more"))
    assert not list((tmp_path / "data" / "audio").iterdir())
    assert len(store.messages("anna", conversation)) == 1
