"""Lists that are kept: whose they are, what they were before, and which of them are in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import RequestInvalid
from app.hotwords.errors import (
    HotwordListFull,
    HotwordListReadOnly,
    HotwordListsFull,
    HotwordListUnknown,
    HotwordsChanged,
    NameTaken,
    NothingToUndo,
)
from app.hotwords.lists import GLOBAL, LEXICON, MAX_LISTS, MAX_TEXT, MAX_VERSIONS, HotwordLists
from app.storage.database import open_database
from app.storage.store import Store
from asr.errors import HotwordsInvalid
from asr.hotwords.list import EMPTY, Hotword, parse_strictly
from bot import DialogueState, Reply

GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))
ME = "anna"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


@pytest.fixture
def lists(store: Store) -> HotwordLists:
    return HotwordLists(store.database)


@pytest.fixture
def conversation(store: Store) -> str:
    return store.start_conversation(ME, GREETING)[0]


def test_the_global_list_is_there_from_the_start_and_is_empty(lists: HotwordLists) -> None:
    [kept] = lists.all(ME)
    assert (kept.id, kept.text, kept.can_undo, kept.read_only) == (GLOBAL, "", False, False)


def test_a_text_is_kept_as_it_was_written(lists: HotwordLists) -> None:
    text = "# 肠镜\n寻腔 40  # 常错\n\n溃疡, 糜烂 30\n"
    assert lists.write(ME, GLOBAL, text).text == text
    assert lists.get(ME, GLOBAL).hotwords == parse_strictly(text)


def test_a_list_that_comes_as_json_is_kept_as_lines(lists: HotwordLists) -> None:
    assert lists.write(ME, GLOBAL, '{"寻腔": 30}').text == "寻腔 30\n"


def test_what_no_database_takes_is_not_kept(lists: HotwordLists) -> None:
    assert lists.write(ME, GLOBAL, "\ufeff寻腔  # a\x00b\ud800\r\n").text == "寻腔  # ab\n"


def test_a_text_with_a_mistake_changes_nothing(lists: HotwordLists) -> None:
    lists.write(ME, GLOBAL, "寻腔\n")
    with pytest.raises(HotwordsInvalid):
        lists.write(ME, GLOBAL, "寻腔20\n")
    with pytest.raises(HotwordListFull):
        lists.write(ME, GLOBAL, "#" * (MAX_TEXT + 1))
    assert lists.get(ME, GLOBAL).text == "寻腔\n"


def test_changes_are_undone_and_done_again(lists: HotwordLists) -> None:
    for text in ("寻腔\n", "寻腔\n进境\n"):
        lists.write(ME, GLOBAL, text)
    undone = lists.undo(ME, GLOBAL)
    assert (undone.text, undone.can_undo, undone.can_redo) == ("寻腔\n", True, True)
    assert lists.redo(ME, GLOBAL).text == "寻腔\n进境\n"
    with pytest.raises(NothingToUndo):
        lists.redo(ME, GLOBAL)


def test_after_another_change_nothing_is_done_again(lists: HotwordLists) -> None:
    lists.write(ME, GLOBAL, "寻腔\n")
    lists.undo(ME, GLOBAL)
    assert not lists.write(ME, GLOBAL, "进境\n").can_redo
    assert lists.undo(ME, GLOBAL).text == ""


def test_emptying_the_global_list_can_be_undone(lists: HotwordLists) -> None:
    lists.write(ME, GLOBAL, "寻腔\n")
    lists.delete(ME, GLOBAL)
    assert lists.get(ME, GLOBAL).text == ""
    assert lists.undo(ME, GLOBAL).text == "寻腔\n"


def test_nothing_is_undone_in_a_list_that_was_never_changed(lists: HotwordLists) -> None:
    with pytest.raises(NothingToUndo):
        lists.undo(ME, GLOBAL)


def test_only_so_many_versions_are_kept(lists: HotwordLists) -> None:
    for weight in range(1, MAX_VERSIONS + 10):
        lists.write(ME, GLOBAL, f"寻腔 {weight}\n")
    steps = 0
    while lists.get(ME, GLOBAL).can_undo:
        lists.undo(ME, GLOBAL)
        steps += 1
    assert steps == MAX_VERSIONS - 1


def test_a_change_on_top_of_an_old_version_is_refused(lists: HotwordLists) -> None:
    old = lists.write(ME, GLOBAL, "寻腔\n")
    lists.edit(ME, GLOBAL, {"进境": Hotword("进境")}, version=old.version)
    with pytest.raises(HotwordsChanged):
        lists.write(ME, GLOBAL, "溃疡\n", version=old.version)
    assert lists.get(ME, GLOBAL).text == "寻腔\n进境\n"


def test_named_lists_are_made_renamed_and_deleted(lists: HotwordLists) -> None:
    made = lists.create(ME, " 肠镜报告 ", "寻腔\n")
    assert [one.name for one in lists.all(ME)] == ["", "肠镜报告"]
    with pytest.raises(NameTaken):
        lists.create(ME, "肠镜报告")
    assert lists.rename(ME, made.id, "内镜").name == "内镜"
    assert lists.rename(ME, made.id, "内镜").name == "内镜"
    lists.delete(ME, made.id)
    with pytest.raises(HotwordListUnknown):
        lists.get(ME, made.id)


def test_a_list_has_a_name_and_the_global_one_has_none(lists: HotwordLists) -> None:
    with pytest.raises(RequestInvalid):
        lists.create(ME, " \u202e ")
    with pytest.raises(HotwordListReadOnly):
        lists.rename(ME, GLOBAL, "别的")


def test_there_are_only_so_many_lists(lists: HotwordLists) -> None:
    for number in range(MAX_LISTS):
        lists.create(ME, f"列表{number}")
    with pytest.raises(HotwordListsFull):
        lists.create(ME, "再来一个")


def test_a_list_of_somebody_else_is_unknown(lists: HotwordLists, conversation: str) -> None:
    theirs = lists.create("bert", "他的", "寻腔\n")
    lists.write("bert", GLOBAL, "进境\n")
    for refused in (
        lambda: lists.get(ME, theirs.id),
        lambda: lists.write(ME, theirs.id, "x"),
        lambda: lists.delete(ME, theirs.id),
        lambda: lists.choose(ME, conversation, [theirs.id]),
    ):
        with pytest.raises(HotwordListUnknown):
            refused()
    assert lists.in_use(ME, lists=[theirs.id]) == EMPTY
    assert [one.id for one in lists.all(ME)] == [GLOBAL]


def test_a_conversation_uses_its_bots_words_until_it_chooses_otherwise(lists: HotwordLists, conversation: str) -> None:
    assert lists.chosen(conversation) == [LEXICON]
    lists.choose(ME, conversation, [])
    assert lists.chosen(conversation) == []


def test_the_bots_words_cannot_be_changed(lists: HotwordLists) -> None:
    with pytest.raises(HotwordListReadOnly):
        lists.write(ME, LEXICON, "寻腔\n")


def test_a_word_that_is_added_joins_its_entry(lists: HotwordLists) -> None:
    lists.write(ME, GLOBAL, "# 肠镜\n寻腔 40 | 寻枪\n")
    assert lists.add(ME, GLOBAL, Hotword("寻腔", 20, ("循腔",))).text == "# 肠镜\n寻腔 40 | 寻枪 | 循腔\n"
    assert lists.add(ME, GLOBAL, Hotword("进境")).text.endswith("进境\n")


def test_lists_are_merged_from_the_bots_words_to_the_request(lists: HotwordLists, conversation: str) -> None:
    lists.write(ME, GLOBAL, "寻腔 10\n进境 10\n溃疡 10\n骨科 10\n")
    one = lists.create(ME, "甲", "进境 20\n溃疡 20\n")
    two = lists.create(ME, "乙", "溃疡 30\n")
    lists.create(ME, "丙", "光滑 99\n")
    lists.choose(ME, conversation, [LEXICON, one.id, two.id])

    merged = lists.in_use(
        ME, conversation, lexicon=lambda: parse_strictly("骨科\n内科"), request=parse_strictly("清晰 40")
    )

    assert {word.word: word.weight for word in merged} == {
        "骨科": 10,
        "内科": 20,
        "寻腔": 10,
        "进境": 20,
        "溃疡": 30,
        "清晰": 40,
    }


def test_a_deleted_list_is_no_longer_in_use(lists: HotwordLists, conversation: str) -> None:
    made = lists.create(ME, "甲", "进境\n")
    lists.choose(ME, conversation, [made.id, GLOBAL, made.id])
    assert lists.chosen(conversation) == [made.id]
    lists.delete(ME, made.id)
    assert lists.in_use(ME, conversation) == EMPTY


def test_a_change_holds_at_once(lists: HotwordLists, tmp_path: Path) -> None:
    assert lists.in_use(ME) == EMPTY
    HotwordLists(open_database(tmp_path)).write(ME, GLOBAL, "寻腔\n")
    assert lists.in_use(ME) == parse_strictly("寻腔")
    assert lists.in_use(ME) is lists.in_use(ME)
