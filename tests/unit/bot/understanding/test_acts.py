"""What an utterance does, before any value is taken out of it: asking, agreeing, refusing, correcting, an alarm."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import create_engine

from bot import Dialogue, DialogueState, Reply, Utterance, load_domain
from bot.connectors.answers import Answer
from bot.connectors.connected import ConnectedDialogue
from bot.understanding.alarms import Alarms
from bot.understanding.clauses import cut, hesitates
from bot.understanding.normalised import normalise
from bot.understanding.sounds import sounds_of

NOW = datetime(2026, 9, 16, 9, 30, tzinfo=timezone(timedelta(hours=8)))
BOTS = {
    name: Dialogue(load_domain(name), create_engine("sqlite://"), clock=lambda: NOW, new_key=lambda: "key")
    for name in ("clinic", "daily", "endoscopy")
}
BOOKING = ("骨科", "明天上午", "刘建华", "13612345678")
TABLE = ("订餐厅", "火锅", "明天", "晚上七点", "四位", "没有", "13612345678")


def say(*texts: str, domain: str = "clinic", spoken: bool = False, reply: Reply | None = None) -> Reply:
    bot = BOTS[domain]
    reply = reply or bot.start()
    for text in texts:
        reply = bot.respond(Utterance(text, "spoken", 0.93) if spoken else Utterance(text), reply.state)
    return reply


def slots(reply: Reply) -> dict[str, str]:
    return reply.state.frame.values if reply.state.frame else {}


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("骨科在几楼", ["ask"]),
        ("可以用医保吗", ["ask"]),
        ("好的那医生是谁啊", ["ask"]),
        ("骨科明天还有号吗", ["request"]),
        ("能帮我挂个骨科吗", ["request"]),
        ("什么时候都行", ["state"]),
        ("明天上午，医生是男的还是女的", ["state", "ask"]),
        ("如果明天没号，就后天", ["condition", "state"]),
    ],
)
def test_a_clause_states_or_asks_or_requests(text: str, acts: list[str]) -> None:
    assert [clause.act for clause in cut(normalise(Utterance(text)).text)] == acts


def test_a_but_is_a_reservation() -> None:
    assert hesitates("好的，不过先等一下")
    assert not hesitates("好的就这样")


@pytest.mark.parametrize(
    "text",
    [
        "可以用医保吗",
        "没问题吗",
        "确认？",
        "好的那医生是谁啊",
        "行，不过再等等",
        "要是能退就行",
        "可以换个医生吗",
        "确认一下医生是谁",
    ],
)
@pytest.mark.parametrize("spoken", [False, True])
def test_a_question_or_a_reservation_at_the_summary_books_nothing(text: str, spoken: bool) -> None:
    summed_up = say(*BOOKING)
    answered = say(text, spoken=spoken, reply=summed_up)
    assert answered.actions == ()
    assert answered.state.frame is not None


@pytest.mark.parametrize(
    "text",
    ["确认", "嗯呐", "得嘞", "就这么着", "妥了", "👌", "对的，没错，谢谢", "好，挂吧", "是的，刘建华", "确认挂号"],
)
def test_what_agrees_as_a_whole_books(text: str) -> None:
    assert say(*BOOKING, text).actions == ("book_appointment",)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("姓名不对，是刘建国", "刘建国"),
        ("名字写错了，应该是刘建国", "刘建国"),
        ("不对，叫刘建国", "刘建国"),
        ("姓名改成刘建国", "刘建国"),
        ("名字改一下", "刘建华"),
    ],
)
def test_a_correction_of_a_name_is_no_name(text: str, name: str) -> None:
    assert slots(say(*BOOKING, text))["patient"] == name


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("明天上午去不了", {"date": None}),
        ("明天没空，后天有空", {"date": "2026-09-18"}),
        ("不要明天", {"date": None}),
        ("明天，不对，后天", {"date": "2026-09-18"}),
        ("别给我安排明天", {"date": None}),
    ],
)
def test_what_is_refused_repaired_or_asked_about_is_not_taken(text: str, taken: dict[str, str | None]) -> None:
    after = slots(say("我要挂骨科", text))
    assert {name: after.get(name) for name in taken} == taken


@pytest.mark.parametrize(
    "text", ["直肠未见息肉", "横结肠没有出血", "降结肠未见息肉、溃疡及肿物", "乙状结肠无溃疡", "直肠息肉、溃疡都没有"]
)
def test_a_finding_that_was_not_there_is_not_recorded(text: str) -> None:
    reply = say("肠道准备良好，进镜至回盲部", text, domain="endoscopy")
    assert reply.state.frame is not None
    assert not reply.state.frame.items
    assert "finding" not in slots(reply)


@pytest.mark.parametrize("domain", ["clinic", "daily", "endoscopy"])
@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("我不想活了", "crisis", "12356"),
        ("活着真没意思，想从楼上跳下去算了，我要自杀", "crisis", "12356"),
        ("我妈晕倒了叫不醒", "emergency", "120"),
        ("孩子抽搐翻白眼了", "emergency", "120"),
        ("老伴喘不上气，嘴唇发紫", "emergency", "120"),
        ("血止不住了", "emergency", "120"),
        ("有人要杀我", "danger", "110"),
    ],
)
def test_an_alarm_comes_before_everything_and_keeps_the_task(domain: str, text: str, kind: str, number: str) -> None:
    begun = say({"clinic": "骨科", "daily": "订餐厅", "endoscopy": "开始报告"}[domain], domain=domain)
    alarmed = say(text, domain=domain, reply=begun)
    assert alarmed.alarm == kind
    assert number in "".join(alarmed.texts)
    assert alarmed.state.frame == begun.state.frame
    assert alarmed.actions == ()


@pytest.mark.parametrize(
    "text",
    [
        "没有晕倒",
        "去年晕倒过一次",
        "怎么预防中风",
        "笑死我了",
        "我快累死了",
        "手机没反应了",
        "这个时间不行了",
        "不想死",
        "见活动性出血",
        "我要死心了",
    ],
)
def test_what_is_denied_past_general_or_a_manner_of_speech_is_no_alarm(text: str) -> None:
    assert Alarms().find(normalise(Utterance(text)), None) is None


@pytest.mark.parametrize("text", ["我不想或了", "我妈云倒了", "穿不上气"])
def test_an_alarm_is_found_by_its_sound(text: str) -> None:
    heard = normalise(Utterance(text, "spoken", 0.9))
    assert Alarms().find(heard, sounds_of(heard)) is not None


def test_the_numbers_to_call_are_those_of_the_country() -> None:
    clinic = load_domain("clinic")
    abroad = clinic.model_copy(update={"safety": clinic.safety.model_copy(update={"country": "HK"})})
    bot = Dialogue(abroad, create_engine("sqlite://"), clock=lambda: NOW)
    assert "999" in bot.respond(Utterance("救命，他没有呼吸了"), bot.start().state).texts[0]


QUESTIONS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "好的，", "确认，", "可以，", "对，", "行，那", "嗯", "没问题，", "取消", "删掉", "退"]),
    st.sampled_from(
        ["医生是谁", "多少钱", "几点到", "要带什么", "可以改天", "能退", "是明天", "没错", "行", "好", "怎么走", "哪天"]
    ),
    st.sampled_from(["吗", "?", "？", "呢", "吗？", "啊，是吗"]),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(text=QUESTIONS, spoken=st.booleans(), domain=st.sampled_from(["clinic", "daily"]))
def test_no_question_carries_out_an_action(text: str, spoken: bool, domain: str) -> None:
    summed_up = say(*(BOOKING if domain == "clinic" else TABLE), domain=domain)
    assert summed_up.state.question is not None
    assert summed_up.state.question.kind == "summary"
    asked = say(text, domain=domain, spoken=spoken, reply=summed_up)
    assert asked.actions == ()
    assert asked.state.frame is not None


@settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(
    value=st.sampled_from(["骨科", "眼科", "消化内科", "郑国平医生", "后天", "周五", "下午", "专家号"]),
    refusal=st.sampled_from(
        ["不要{}", "别给我挂{}", "{}去不了", "{}不行", "除了{}都行", "不想看{}", "{}就算了", "我不挂{}"]
    ),
)
def test_no_refused_value_is_ever_stored(value: str, refusal: str) -> None:
    meant = {mention.value for mention in BOTS["clinic"]._nlu.understand(Utterance(value), "", NOW).mentions}
    reply = say("我要挂号", refusal.format(value))
    assert not meant & set(slots(reply).values())


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(
    lead=st.sampled_from(["就是", "我说的是", "", "看一下", "不是", "嗯", "对"]),
    place=st.sampled_from(["刚才那条", "上一条", "第一条", "最后一条", "那个息肉", "升结肠那个"]),
    tail=st.sampled_from(["", "再念一遍", "没错", "对的", "是两枚", "大小多少", "取了活检", "要不要写"]),
    spoken=st.booleans(),
)
def test_no_entry_is_deleted_without_a_word_of_deleting(lead: str, place: str, tail: str, spoken: bool) -> None:
    told = say("肠道准备良好，进镜至回盲部", "升结肠见一枚息肉0.5厘米", domain="endoscopy")
    after = say(f"{lead}{place}{tail}", domain="endoscopy", spoken=spoken, reply=told)
    assert after.state.frame is not None
    assert not re.search("已删掉|不要了", "".join(after.texts))


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(
    yes=st.sampled_from(["好的", "可以", "确认", "行", "对"]),
    half=st.sampled_from(
        ["，但是", "，不过", "，如果", "，等一下", "，先别", "，就是", "，改成下午", "，我再想想", "，万一下雨"]
    ),
    tail=st.sampled_from(["", "我想想", "能早点更好", "我儿子来不了"]),
)
def test_half_an_agreement_never_books(yes: str, half: str, tail: str) -> None:
    assert say(*BOOKING, f"{yes}{half}{tail}").actions == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("骨科在几楼", "五楼"),
        ("挂号要多少钱", "10元"),
        ("医保能报销吗", "可以用医保"),
        ("有没有夜间急诊", "24小时"),
        ("郑国平医生哪天出诊", "周一三五上午"),
        ("骨科都有哪些医生", "施德明医生"),
        ("月亮有多远", "不清楚"),
    ],
)
def test_a_question_is_answered_in_mid_task_without_touching_it(text: str, answer: str) -> None:
    begun = say("我要挂号", "消化内科")
    answered = say(text, reply=begun)
    assert answer in "".join(answered.texts)
    assert answered.state.frame == begun.state.frame
    assert say(text).state.frame is None


@pytest.mark.parametrize(
    ("text", "department"),
    [
        ("我这个腿啊，去年冬天就开始疼，上楼梯都费劲", "骨科"),
        ("眼睛看东西模模糊糊的，好像有一层雾", "眼科"),
        ("脸上长了好多痘", "皮肤科"),
        ("我闺女牙掉了一块", "口腔科"),
        ("孩子昨天晚上开始发烧，三十九度二，一直哭", "儿科"),
        ("孩子要打疫苗，挂什么号", "儿科"),
    ],
)
def test_a_department_is_told_from_a_story(text: str, department: str) -> None:
    reply = say(text)
    assert slots(reply) == {"department": department}
    assert "过去" not in "".join(reply.texts)


def test_a_number_comes_in_parts() -> None:
    part = say("骨科", "明天上午", "刘建华", "幺三六")
    assert "后面8位" in "".join(part.texts)
    assert slots(say("幺二三四", "五六七八", reply=part))["phone"] == "13612345678"


def test_the_last_digits_of_a_number_are_put_right() -> None:
    assert (
        slots(say("骨科", "明天上午", "刘建华", "一三六一二三四五六七九哦不对最后一位是八"))["phone"] == "13612345678"
    )


def test_two_people_are_booked_one_after_the_other() -> None:
    first = say("给我和我老伴各挂一个号，都是骨科，明天上午", "刘建华", "13612345678", "确认")
    assert first.actions == ("book_appointment",)
    second = say("王桂兰", "13612345678", "确认", reply=first)
    assert second.actions == ("book_appointment",)
    assert second.state.frame is None


def test_the_same_is_done_for_somebody_else() -> None:
    reply = say(*BOOKING, "确认", "和他一样，给王桂兰也挂一个")
    assert slots(reply)["department"] == "骨科"
    assert slots(reply)["date"] == "2026-09-17"
    assert slots(reply)["patient"] == "王桂兰"


def test_the_name_and_number_known_are_offered_again() -> None:
    offered = say(*BOOKING, "确认", "再挂个眼科", "明天上午")
    assert offered.texts == ("还是刘建华吗？",) or offered.texts[-1].endswith("还是刘建华吗？")
    again = say("是的", reply=offered)
    assert slots(again)["phone"] == "13612345678"


@pytest.mark.parametrize("text", ["从头开始吧", "重来"])
def test_a_task_begins_anew(text: str) -> None:
    assert slots(say("骨科", "明天上午", text)) == {}


def test_a_range_of_places_is_one_entry_and_an_addition_belongs_to_the_last() -> None:
    reply = say("肠道准备良好，进镜至回盲部", "直肠到乙状结肠黏膜充血水肿", "取了活检", domain="endoscopy")
    assert reply.state.frame is not None
    (entry,) = reply.state.frame.items
    assert (entry["site"].value, entry["treatment"].value) == ("直肠至乙状结肠", "活检")


def test_a_doubtful_finding_stays_doubtful() -> None:
    reply = say("肠道准备良好，进镜至回盲部", "疑似升结肠肿物，跳过", domain="endoscopy")
    assert "疑似肿物" in "".join(reply.texts) or slots(reply)["certainty"] == "疑似"


def test_what_a_task_cannot_give_is_said() -> None:
    assert "重复" in "".join(say("每个工作日早上八点提醒我打卡", domain="daily").texts)
    assert "时刻" in "".join(say("买高铁票", "北京到上海", "明天下午三点左右那趟", domain="daily").texts)


def test_an_alarm_is_never_left_to_another_bot() -> None:
    class Silent:
        def ask(self, utterance: Utterance, state: DialogueState) -> Answer:
            raise AssertionError(utterance.text)

    connected = ConnectedDialogue(BOTS["clinic"], Silent(), "front")
    assert "12356" in connected.respond(Utterance("我不想活了"), connected.start().state).texts[0]
