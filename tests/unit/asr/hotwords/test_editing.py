"""Single words of a list change; what a person wrote around them does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.hotwords.editing import edit
from asr.hotwords.list import Hotword, HotwordList, parse, parse_strictly

TEXT = """\
# 肠镜报告
寻腔 40
进境 | 进镜 ~~~ 进京   # 常错

溃疡, 糜烂 30 光滑
"""
WORDS = st.sampled_from(["寻腔", "进境", "溃疡", "糜烂", "光滑", "清晰", "肿物", "婺源"])
ENTRIES = st.builds(
    Hotword, WORDS, st.integers(1, 100), st.lists(st.sampled_from(["寻枪", "今境"]), max_size=2).map(tuple)
)
LINES = st.lists(
    ENTRIES.map(Hotword.line) | st.sampled_from(["# 寻腔", "", "溃疡, 糜烂 30 光滑", "清晰  # 甲"]), max_size=6
)


def test_a_changed_word_keeps_its_place_and_its_comment() -> None:
    changed = edit(TEXT, {"进境": Hotword("进境", 50, ("进镜", "近境"), ("进京",))})
    assert changed == TEXT.replace("进境 | 进镜 ~~~ 进京   # 常错", "进境 50 | 进镜 | 近境 ~~~ 进京  # 常错")


def test_a_removed_word_takes_only_its_own_line_along() -> None:
    assert edit(TEXT, {"寻腔": None}) == TEXT.replace("寻腔 40\n", "")


def test_of_words_on_one_line_the_others_stay() -> None:
    assert edit("溃疡, 糜烂 30 光滑\n", {"糜烂": None}) == "溃疡\n光滑\n"


def test_a_new_word_comes_last_and_a_renamed_one_stays_where_it_was() -> None:
    assert edit("寻腔\n进境\n", {"清晰": Hotword("清晰"), "寻腔": Hotword("寻腔镜")}) == "寻腔镜\n进境\n清晰\n"


def test_a_word_that_is_there_twice_is_changed_once() -> None:
    assert edit("寻腔 10\n进境\n寻腔 30\n", {"寻腔": Hotword("寻腔", 50)}) == "寻腔 50\n进境\n"


def test_a_list_that_came_as_json_becomes_lines() -> None:
    assert edit('{"寻腔": 30, "进境": 20}', {"进境": None}) == "寻腔 30\n"


def test_lines_that_cannot_be_read_stay() -> None:
    assert edit("寻腔20\n寻腔\n", {"寻腔": None}) == "寻腔20\n"


@given(LINES, st.dictionaries(WORDS, st.none() | ENTRIES, max_size=3))
def test_the_list_is_changed_as_its_text_is(lines: list[str], changes: dict[str, Hotword | None]) -> None:
    text = "\n".join(lines)
    before = parse_strictly(text)
    after = parse(edit(text, changes))
    assert after.errors == ()
    expected = [one for one in before if one.word not in changes] + [one for one in changes.values() if one]
    merged = HotwordList(tuple(expected))
    assert {one.word for one in after.hotwords} == {one.word for one in merged}
    assert {one.word: one.weight for one in after.hotwords} == {one.word: one.weight for one in merged}


@given(LINES)
def test_without_changes_the_text_stays_as_it_is(lines: list[str]) -> None:
    assert edit("\n".join(lines), {}).splitlines() == "\n".join(lines).splitlines()
