"""A value belongs to the slot whose cue stands beside it, also when the cue is misheard."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot import Utterance, load_domain
from bot.understanding.nlu import Nlu

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def endoscopy() -> Nlu:
    return Nlu(load_domain("endoscopy"))


def values(nlu: Nlu, text: str, *, asked: str = "", spoken: bool = True) -> dict[str, str]:
    utterance = Utterance(text, "spoken", 0.9) if spoken else Utterance(text)
    return {mention.slot: mention.value for mention in nlu.understand(utterance, asked, NOW).mentions}


@pytest.mark.parametrize("cue", ["距肛门", "距肛们", "巨杠门", "距门", "距肛睁门", "距离肛门改成"])
def test_a_cue_is_known_by_its_sound(endoscopy: Nlu, cue: str) -> None:
    assert values(endoscopy, f"直肠{cue}三十厘米息肉") == {"site": "直肠", "distance": "30厘米", "finding": "息肉"}


def test_what_was_typed_has_its_cues_as_they_are_written(endoscopy: Nlu) -> None:
    assert "distance" not in values(endoscopy, "直肠巨杠门三十厘米息肉", spoken=False)


def test_without_its_cue_a_value_is_for_another_slot(endoscopy: Nlu) -> None:
    assert values(endoscopy, "三十厘米") == {"size": "30厘米"}
    assert values(endoscopy, "三十厘米", asked="distance") == {"distance": "30厘米"}


def test_both_of_one_type_are_told_apart(endoscopy: Nlu) -> None:
    said = values(endoscopy, "直肠距港门十厘米见息肉大小零点五里米")
    assert (said["distance"], said["size"]) == ("10厘米", "0.5厘米")


def test_a_cue_of_one_syllable_counts_by_its_syllable() -> None:
    said = values(Nlu(load_domain("daily")), "丛北京道上海的火车")
    assert said == {"origin": "北京", "destination": "上海"}
