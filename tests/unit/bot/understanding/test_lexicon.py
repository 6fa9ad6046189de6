"""The words a recogniser is told to expect narrow with what the bot asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import create_engine

from bot import Dialogue, Dialogues, DialogueState, DomainMissing, Reply, Utterance, load_domain, open_dialogues


@pytest.fixture
def clinic() -> Dialogue:
    return Dialogue(load_domain("clinic"), create_engine("sqlite://"))


@pytest.fixture
def dialogues(tmp_path: Path) -> Dialogues:
    return open_dialogues("clinic", tmp_path / "bookings.db")


def say(dialogue: Dialogue, *texts: str) -> Reply:
    reply = dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def test_between_tasks_all_words_of_the_domain_are_expected(clinic: Dialogue) -> None:
    words = clinic.lexicon(clinic.start().state)
    assert {"消化内科", "肚子疼", "挂号", "退号"} <= set(words)
    assert len(words) == len(set(words))
    assert all(len(word) > 1 for word in words)


def test_while_a_slot_is_asked_for_only_its_words_are(clinic: Dialogue) -> None:
    words = clinic.lexicon(say(clinic, "我要挂号").state)
    assert {"消化内科", "消化科", "肚子疼"} <= set(words)
    assert not {"上午", "退号"} & set(words)


def test_a_name_and_a_number_are_asked_for_without_words(clinic: Dialogue) -> None:
    assert clinic.lexicon(say(clinic, "明天上午看骨科").state) == ()


def test_a_value_to_be_confirmed_is_expected_first(clinic: Dialogue) -> None:
    asked = clinic.respond(Utterance("小瓦内课", "spoken", 0.9), say(clinic, "我要挂号").state)
    assert clinic.lexicon(asked.state)[0] == "消化内科"


def test_before_the_next_entry_of_a_list_the_words_of_all_its_slots_are() -> None:
    endoscopy = Dialogue(load_domain("endoscopy"), create_engine("sqlite://"))
    words = endoscopy.lexicon(say(endoscopy, "肠道准备良好，进镜至回盲部").state)
    assert {"升结肠", "息肉", "钳除", "上一条删掉"} <= set(words)
    assert "欠佳" not in words


def test_before_the_summary_is_confirmed_the_names_of_the_slots_are(clinic: Dialogue) -> None:
    words = clinic.lexicon(say(clinic, "我叫王小明，电话13800138000，后天下午挂皮肤科").state)
    assert {"科室", "日期", "手机号"} <= set(words)
    assert "消化内科" not in words


def test_every_conversation_keeps_its_own_domain(dialogues: Dialogues) -> None:
    clinic, daily = dialogues.start(), dialogues.start("daily")
    assert (clinic.state.domain, daily.state.domain) == ("clinic", "daily")
    assert "老成都火锅" in dialogues.lexicon(daily.state)
    assert "老成都火锅" not in dialogues.lexicon(clinic.state)
    asked = dialogues.respond(Utterance("订餐厅"), daily.state)
    assert asked.state.domain == "daily"
    assert asked.state.question is not None


def test_the_default_is_listed_first(dialogues: Dialogues) -> None:
    assert dialogues.cards[0].title == "挂号助手"
    assert {card.name for card in dialogues.cards} >= {"clinic", "daily"}


def test_a_domain_that_is_not_there_is_refused(dialogues: Dialogues) -> None:
    with pytest.raises(DomainMissing, match="clinic"):
        dialogues.start("moon")


def test_a_conversation_of_a_domain_that_has_gone_begins_anew(dialogues: Dialogues) -> None:
    gone = DialogueState(domain="moon", key="old")
    assert dialogues.respond(Utterance("挂骨科"), gone).state.domain == "clinic"
    assert "消化内科" in dialogues.lexicon(gone)
