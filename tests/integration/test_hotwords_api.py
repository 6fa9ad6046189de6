"""Hotword lists over HTTP: read, written, checked, undone, chosen, and heard by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.factory import build
from app.settings import Settings
from asr import Audio, Transcript
from asr.hotwords.list import EMPTY, HotwordList
from tests.integration.client import Chat, Serve, transcript_of, wav

VOICE = Path(__file__).parents[1] / "data" / "voice"


class ListeningRecognizer:
    """Hears 寻枪 unless it is told to expect 寻腔; remembers what it was told."""

    vocabulary = frozenset("寻腔枪进境溃疡")

    def __init__(self) -> None:
        self.told: list[dict[str, int]] = []

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        self.told.append({hotword.word: hotword.weight for hotword in hotwords})
        return transcript_of("寻腔很顺利" if "寻腔" in self.told[-1] else "寻枪很顺利")


@pytest.fixture
def recognizer() -> ListeningRecognizer:
    return ListeningRecognizer()


@pytest.fixture
def chat(settings: Settings, serve: Serve, recognizer: ListeningRecognizer) -> Chat:
    return Chat(serve(build(settings, recognizer=recognizer, page=None)))


@pytest.fixture
def client(chat: Chat) -> httpx.Client:
    return chat.client


def _said(updates: list[dict[str, Any]]) -> dict[str, Any]:
    return [update for update in updates if update["role"] == "user"][-1]


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_word_added_to_the_global_list_is_heard_in_the_next_message(chat: Chat, client: httpx.Client) -> None:
    assert _said(chat.say(wav()))["text"] == "寻枪很顺利"
    changed = client.patch("/api/hotwords", json={"changes": [{"word": "寻腔", "entry": {"word": "寻腔"}}]})
    assert changed.status_code == 200
    assert changed.json()["words"] == [{"word": "寻腔", "weight": 20, "aliases": [], "contexts": []}]
    assert _said(chat.say(wav()))["text"] == "寻腔很顺利"


def test_a_list_is_read_and_written_whole_in_any_shape(client: httpx.Client) -> None:
    text = "# 肠镜\n寻腔 40 | 寻枪 ~~~ 寻枪支\n"
    written = client.put("/api/hotwords", json={"text": text}).json()
    assert (written["text"], written["can_undo"], written["read_only"]) == (text, True, False)
    assert client.get("/api/hotwords").json() == written
    assert client.get("/api/hotwords/lists/global").json() == written
    assert client.put("/api/hotwords", json={"text": {"进境": 30}}).json()["text"] == "进境 30\n"
    assert client.post("/api/hotwords/lists/global/undo").json()["text"] == text
    assert client.post("/api/hotwords/lists/global/redo").json()["text"] == "进境 30\n"
    assert client.delete("/api/hotwords").status_code == 204
    assert client.get("/api/hotwords").json()["words"] == []


def test_single_words_change_and_what_stands_around_them_stays(client: httpx.Client) -> None:
    before = client.put("/api/hotwords", json={"text": "# 肠镜\n寻腔  # 甲\n进境\n"}).json()
    changes = [{"word": "寻腔", "entry": {"word": "寻腔", "weight": 50}}, {"word": "进境", "entry": None}]
    after = client.patch("/api/hotwords", json={"changes": changes, "version": before["version"]}).json()
    assert after["text"] == "# 肠镜\n寻腔 50  # 甲\n"
    stale = client.patch("/api/hotwords", json={"changes": changes, "version": before["version"]})
    assert _error(stale) == (409, "hotwords_changed")


def test_a_text_is_checked_without_being_kept(client: httpx.Client) -> None:
    checked = client.post("/api/hotwords/validate", json={"text": "寻腔 101\n崂山\n进境"}).json()
    assert checked["words"] == 2
    assert [(one["line"], one["column"], one["reason"], one["warning"]) for one in checked["problems"]] == [
        (1, 4, "weight_out_of_range", False),
        (2, 1, "unknown_character", True),
        (2, 2, "unknown_character", True),
    ]
    assert client.get("/api/hotwords").json()["text"] == ""


def test_a_wrong_text_is_refused_with_its_place(client: httpx.Client) -> None:
    refused = client.put("/api/hotwords", json={"text": "寻腔\n进境20"})
    assert _error(refused) == (422, "hotwords_invalid")
    assert refused.json()["error"]["details"] == {"line": 2, "column": 3, "reason": "digits_glued"}
    wrong = {"changes": [{"word": "寻腔", "entry": {"word": "寻 腔"}}]}
    assert _error(client.patch("/api/hotwords", json=wrong)) == (422, "invalid_request")


def test_a_body_beyond_all_measure_is_refused(client: httpx.Client) -> None:
    assert _error(client.put("/api/hotwords", json={"text": "词" * 2_000_000})) == (413, "upload_too_large")
    assert _error(client.put("/api/hotwords", json={"text": "#" * 600_000})) == (422, "hotword_list_full")


def test_named_lists_are_switched_for_each_conversation(
    chat: Chat, client: httpx.Client, recognizer: ListeningRecognizer
) -> None:
    made = client.post("/api/hotwords/lists", json={"name": "肠镜报告", "text": "寻腔 50"})
    assert made.status_code == 201
    list_id = made.json()["id"]
    other = Chat(client)
    path = f"/api/conversations/{chat.id}/hotwords"
    assert client.get(path).json() == {"lists": ["lexicon"]}
    assert client.put(path, json={"lists": [list_id]}).json() == {"lists": [list_id]}
    client.put(f"/api/conversations/{other.id}/hotwords", json={"lists": []})

    assert _said(chat.say(wav()))["text"] == "寻腔很顺利"
    assert _said(other.say(wav()))["text"] == "寻枪很顺利"
    assert recognizer.told == [{"寻腔": 50}, {}]
    assert client.delete(f"/api/hotwords/lists/{list_id}").status_code == 204
    assert _said(chat.say(wav()))["text"] == "寻枪很顺利"


def test_lists_are_renamed_and_keep_their_words(client: httpx.Client) -> None:
    made = client.post("/api/hotwords/lists", json={"name": "甲", "text": ["寻腔"]}).json()
    renamed = client.patch(f"/api/hotwords/lists/{made['id']}", json={"name": "乙"}).json()
    assert (renamed["name"], renamed["text"]) == ("乙", "寻腔\n")
    cards = client.get("/api/hotwords/lists").json()["lists"]
    assert [(card["name"], card["words"]) for card in cards] == [("", 0), ("乙", 1)]
    assert _error(client.post("/api/hotwords/lists", json={"name": "乙"})) == (409, "name_taken")
    assert _error(client.get("/api/hotwords/lists/nothing")) == (404, "hotword_list_unknown")


def test_the_bots_own_words_are_a_list_that_can_be_chosen_and_not_changed(
    chat: Chat, client: httpx.Client, recognizer: ListeningRecognizer
) -> None:
    cards = client.get("/api/hotwords/lists", params={"conversation_id": chat.id}).json()["lists"]
    assert (cards[-1]["id"], cards[-1]["read_only"]) == ("lexicon", True)
    words = client.get("/api/hotwords/lists/lexicon", params={"conversation_id": chat.id}).json()["words"]
    assert "骨科" in {one["word"] for one in words}
    chat.say(wav())
    assert "骨科" in recognizer.told[-1]
    assert _error(client.put("/api/hotwords/lists/lexicon", json={"text": "x"})) == (409, "hotword_list_read_only")


def test_the_bots_words_narrow_to_those_of_what_it_asks(
    chat: Chat, client: httpx.Client, recognizer: ListeningRecognizer
) -> None:
    chat.say(wav())
    assert {"骨科", "上午", "退号"} <= recognizer.told[-1].keys()
    chat.write("我要挂号")
    chat.say(wav())
    assert {"骨科", "消化内科"} <= recognizer.told[-1].keys()
    assert not {"上午", "退号"} & recognizer.told[-1].keys()
    shown = client.get("/api/hotwords/lists/lexicon", params={"conversation_id": chat.id}).json()["words"]
    assert {"上午", "退号"} <= {one["word"] for one in shown}


def test_a_conversation_uses_only_lists_that_there_are(chat: Chat, client: httpx.Client) -> None:
    path = f"/api/conversations/{chat.id}/hotwords"
    assert _error(client.put(path, json={"lists": ["nothing"]})) == (404, "hotword_list_unknown")
    assert _error(client.get("/api/conversations/nobody/hotwords")) == (404, "conversation_unknown")


def test_a_list_is_tried_on_a_recording(client: httpx.Client) -> None:
    tried = client.post("/api/hotwords/try", files={"audio": wav()}, data={"hotwords": "寻腔\n进境"}).json()
    assert (tried["before"]["text"], tried["after"]["text"]) == ("寻枪很顺利", "寻腔很顺利")
    assert [(mark["before"], mark["before_end"], mark["after"], mark["after_end"]) for mark in tried["marks"]] == [
        (1, 2, 1, 2)
    ]
    assert (tried["words"], tried["seconds"]) == (2, 1.0)
    assert tried["after"]["took_ms"] >= 0


def test_a_list_is_tried_on_a_message_and_nothing_is_kept(chat: Chat, client: httpx.Client) -> None:
    said = _said(chat.say(wav()))
    made = client.post("/api/hotwords/lists", json={"name": "甲", "text": "寻腔"}).json()
    of_message = {"conversation_id": chat.id, "message_id": said["id"]}
    texts = [
        client.post("/api/hotwords/try", files={"": ""}, data=of_message | more).json()["after"]["text"]
        for more in ({}, {"list": made["id"]}, {"hotwords": "寻腔"})
    ]
    assert texts == ["寻枪很顺利", "寻腔很顺利", "寻腔很顺利"]
    assert chat.messages()[1]["text"] == "寻枪很顺利"


def test_what_cannot_be_tried_is_refused(chat: Chat, client: httpx.Client) -> None:
    def refusal(**request: Any) -> tuple[int, str]:
        return _error(client.post("/api/hotwords/try", **request))

    assert refusal(files={"other": b"x"}) == (422, "invalid_request")
    assert refusal(json={}) == (415, "unsupported_media_type")
    assert refusal(files={"audio": b"no audio"}) == (422, "audio_unreadable")
    assert refusal(files={"audio": wav()}, data={"hotwords": "寻腔20"}) == (422, "hotwords_invalid")
    nobody = {"conversation_id": chat.id, "message_id": "nothing"}
    assert refusal(files={"": ""}, data=nobody) == (404, "message_unknown")


def test_the_embedded_model_shows_which_tier_changed_what(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, page=None))
    recording = (VOICE / "book-department.wav").read_bytes()
    heard = client.post("/api/hotwords/try", files={"audio": recording}, data={"hotwords": ""}).json()["before"]["text"]
    department = heard[heard.index("科") - 2 : heard.index("科")]
    alias = f"克隆 | {department}科"

    tried = client.post("/api/hotwords/try", files={"audio": recording}, data={"hotwords": alias}).json()

    assert "克隆" in tried["after"]["text"]
    assert [(mark["word"], mark["tier"]) for mark in tried["marks"] if mark["word"]][:1] == [("克隆", "phonetic")]
