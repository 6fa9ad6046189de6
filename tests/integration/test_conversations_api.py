"""What was said before is listed, found, named, exported and deleted."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from app.chat.history.export import file_name
from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve, wav


def listed(chat: Chat, **query: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = chat.client.get("/api/conversations", params=query).json()["conversations"]
    return found


def patch(chat: Chat, **change: object) -> int:
    return chat.client.patch(f"/api/conversations/{chat.id}", json=change).status_code


def test_conversations_in_which_something_was_said_are_listed_newest_first(own_chat: Chat) -> None:
    chat = own_chat
    assert listed(chat) == []
    chat.say(wav())
    other = Chat(chat.client)
    other.write("我想问 一下怎么挂骨科的专家号，谢谢您，麻烦您快一点帮我看一看")

    first, second = listed(chat)

    assert (first["id"], second["id"]) == (other.id, chat.id)
    assert first["title"] == "我想问 一下怎么挂骨科的专家号，谢谢您，麻烦您快一点帮我看一…"
    assert second["title"] == "我要挂号"
    assert second["last"]["role"] == "bot"
    assert second["domain"] == "clinic"
    assert len(listed(chat, limit=1)) == 1
    assert [one["id"] for one in listed(chat, offset=1)] == [chat.id]
    assert listed(chat, domain="daily") == []


def test_a_search_finds_words_in_text_and_transcripts_and_marks_them(chat: Chat) -> None:
    chat.say(wav())  # 我要挂号
    other = Chat(chat.client)
    other.write("100% 确定，ABC 大楼 (东门)")

    found = next(one for one in listed(chat, q="挂 号") if one["id"] == chat.id)
    assert any(hit["text"] == "我要挂号" and hit["marks"] == [[2, 3], [3, 4]] for hit in found["hits"])
    (found,) = listed(chat, q="abc")
    hit = found["hits"][0]
    assert [hit["text"][start:end] for start, end in hit["marks"]] == ["ABC"]
    assert [one["id"] for one in listed(chat, q="0% 确")] == [other.id]
    for nothing in ("_", "%%", "没有这个词", "\\", "😀"):
        assert listed(chat, q=nothing) == []


def test_a_name_a_pin_and_what_was_read_are_kept(chat: Chat) -> None:
    chat.write("我要挂号")
    other = Chat(chat.client)
    other.write("我要挂号")

    assert patch(chat, title="  内镜\n中心 ", pinned=True) == 204
    first, second = listed(chat)[:2]
    assert (first["id"], first["title"], first["pinned"]) == (chat.id, "内镜 中心", True)
    assert first["unread"] >= 1
    assert patch(chat, read=True) == 204
    assert listed(chat)[0]["unread"] == 0
    assert second["unread"] >= 1
    assert [one["id"] for one in listed(chat, q="内镜")] == [chat.id]
    assert patch(chat, title="") == 204
    assert listed(chat)[0]["title"] == "我要挂号"
    assert patch(chat, title="长" * 61) == 422
    assert patch(chat, owner="somebody") == 422


def test_a_deleted_conversation_can_be_had_back_for_a_while_and_is_gone_after(settings: Settings, serve: Serve) -> None:
    now = [datetime(2026, 3, 1, 9, tzinfo=UTC)]
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None, clock=lambda: now[0]))
    chat, kept = Chat(client), Chat(client)
    chat.say(wav())
    kept.write("我要挂号")
    path = f"/api/conversations/{chat.id}"

    assert client.delete(path).status_code == 204
    assert client.get(f"{path}/messages").status_code == 404
    assert client.delete(path).status_code == 404
    assert [one["id"] for one in listed(chat)] == [kept.id]
    assert patch(chat, pinned=True) == 404
    assert patch(chat, deleted=False) == 204
    assert client.get(f"{path}/messages").status_code == 200

    assert client.delete(path).status_code == 204
    now[0] += timedelta(minutes=11)
    client.delete(f"/api/conversations/{kept.id}")
    assert patch(chat, deleted=False) == 404
    assert [path for path in (settings.data_dir / "audio").rglob("*") if path.is_file()] == []


def test_one_message_is_deleted_with_its_recording(chat: Chat, settings: Settings) -> None:
    chat.say(wav())
    spoken = next(message for message in chat.messages() if message["role"] == "user")
    path = f"{chat.path}/{spoken['id']}"

    assert chat.client.delete(path).status_code == 204
    assert spoken["id"] not in [message["id"] for message in chat.messages()]
    assert chat.client.get(f"{path}/audio").status_code == 404
    assert chat.client.delete(path).status_code == 404


@pytest.mark.parametrize("kind", ["md", "json", "zip"])
def test_a_conversation_is_taken_away_as_a_file(chat: Chat, kind: str) -> None:
    chat.write("<b>你好</b> [x](javascript:alert(1)) *星*")
    chat.say(wav())
    answer = chat.client.get(f"/api/conversations/{chat.id}/export", params={"format": kind})

    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    if kind == "md":
        assert r"\<b\>你好\</b\> \[x\]\(javascript:alert\(1\)\) \*星\*" in answer.text
    elif kind == "json":
        texts = [message["text"] for message in answer.json()["messages"]]
        assert "我要挂号" in texts
    else:
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        whole = json.loads(archive.read("conversation.json"))
        sound = next(message["file"] for message in whole["messages"] if message["kind"] == "voice")
        assert archive.read(sound)[:4] == b"RIFF"
        assert sound in archive.read("conversation.md").decode()


def test_a_file_name_is_one_that_any_system_can_keep() -> None:
    assert file_name('../..\\a/b:*?"<>|\n', "md") == "a b.md"
    assert file_name("...", "zip") == "conversation.zip"


def test_what_has_not_changed_is_not_sent_again(chat: Chat) -> None:
    chat.write("我要挂号")
    for path in ("/api/conversations", f"{chat.path}"):
        etag = chat.client.get(path).headers["etag"]
        again = chat.client.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    chat.write("骨科")
    assert chat.client.get(chat.path, headers={"If-None-Match": etag}).status_code == 200
