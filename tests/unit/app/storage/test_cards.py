"""Tables and pictures of the bot's are kept with the message they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.api.routers.chat import ChatMessage
from app.errors import MessageUnknown, RecordingMissing
from app.storage.store import Store
from bot import DialogueState, Image, QuickReply, Reply, Table

STATE = DialogueState(domain="endoscopy", key="k")
TABLE = Table("所见", ("部位", "数量"), (("直肠", "2"), ("升结肠", "")))
PICTURE = Image(b"\x89PNG...", "image/png", "一张图")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


def test_a_table_becomes_a_message_of_its_own_after_the_texts(store: Store) -> None:
    conversation, said = store.start_conversation("me", Reply(texts=("写好了。",), state=STATE, cards=(TABLE,)))
    assert [message.kind for message in said] == ["text", "table"]
    shown = ChatMessage.of(store.messages("me", conversation)[-1], "zh")
    assert shown.table is not None
    assert (shown.table.columns, shown.table.rows) == (["部位", "数量"], [["直肠", "2"], ["升结肠", ""]])
    assert shown.text == "部位\t数量\n直肠\t2\n升结肠\t"


def test_a_picture_is_kept_as_a_file_and_given_out_under_the_message(store: Store) -> None:
    conversation, said = store.start_conversation("me", Reply(texts=(), state=STATE, cards=(PICTURE,)))
    file, media_type = store.picture(said[0])
    with file:
        assert (file.read(), media_type) == (PICTURE.data, "image/png")
    shown = ChatMessage.of(said[0], "zh")
    assert shown.image_url == f"api/conversations/{conversation}/messages/{said[0].id}/image"
    assert "file" not in shown.model_dump_json()


def test_a_message_that_is_no_picture_has_none(store: Store) -> None:
    _, said = store.start_conversation("me", Reply(texts=("你好",), state=STATE))
    with pytest.raises(MessageUnknown):
        store.picture(said[0])


def test_a_picture_that_is_gone_from_the_disk_is_missed(store: Store) -> None:
    _, said = store.start_conversation("me", Reply(texts=(), state=STATE, cards=(PICTURE,)))
    (name,) = (kept.name for kept in store.recordings.kept())
    store.recordings.remove(name)
    with pytest.raises(RecordingMissing):
        store.picture(said[0])


def test_quick_replies_stand_under_the_last_bubble(store: Store) -> None:
    reply = Reply(texts=("a",), state=STATE, cards=(TABLE,), quick_replies=(QuickReply("好", "好"),))
    _, said = store.start_conversation("me", reply)
    assert [bool(message.quick_replies) for message in said] == [False, True]
