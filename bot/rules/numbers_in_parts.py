"""A telephone number that comes in parts, or of which some digits are put right: 幺三六, 幺二三四; 最后一位是八."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.rules.context import TurnContext
from bot.rules.decision import Decision
from bot.slots import Mention
from bot.state import Question, SlotValue

LENGTH = 11
_DIGITS = {
    **{str(n): str(n) for n in range(10)},
    **dict(zip("零〇洞一幺二两三四五六七拐八九勾", "0001122345677899", strict=True)),
}
_LIGHT = re.compile(r"[嗯呃啊哦噢,，、。.\s-]|然后|后面|接着|前面|开头|是|的|电话|手机|号码|号|我|吧")
_HUNDRED = re.compile(r"一百(?P<tens>[三四五六七八九])十(?P<ones>[一二三四五六七八九])?")
_VALID = re.compile(r"1[3-9]\d{9}")
_ENDING = re.compile(
    r"(?:最后|末尾|后面|结尾|末|尾)(?:面)?(?:的)?(?:这|那)?(?P<count>[一两二三四1234])?(?:位|个)?(?:数字?|号)?(?:码)?(?:不对|错了)?[,，]?(?:应该)?(?:是|改成|换成)"
    r"(?P<digits>[零〇洞一幺二两三四五六七拐八九勾0-9]{1,4})(?![零〇洞一幺二两三四五六七拐八九勾0-9])"
)


def join_number(turn: TurnContext) -> Decision | None:
    """Put the parts of a number together, and say how many digits are to come; a whole one is left to be taken."""
    slot = _phone_slot(turn)
    frame, question = turn.frame, turn.state.question
    if not slot or frame is None:
        return None
    if ending := _ENDING.search(turn.understanding.text):
        _mend(turn, slot, _read(ending["digits"]))
        return None
    if question is None or question.kind != "slot" or question.slot != slot:
        return None
    if any(one.slot == slot and one.value for one in turn.understanding.mentions):
        return None
    said = _read(_LIGHT.sub("", _HUNDRED.sub(_prefix, turn.understanding.text)))
    before = question.candidate.value if question.candidate else ""
    if not said or turn.understanding.correcting:
        return None
    number = before + said if len(before + said) <= LENGTH else said
    if _VALID.fullmatch(number):
        _put(turn, slot, number)
        return None
    if len(number) >= LENGTH or not re.match(r"1[3-9]?", number) or len(said) > LENGTH - 3:
        return None
    turn.understood()
    part = SlotValue(number, number)
    turn.state = replace(turn.state, question=Question("slot", slot, part), asked=1)
    turn.say("phone_part", said=number, left=str(LENGTH - len(number)))
    return turn.end(put=False)


def _mend(turn: TurnContext, slot: str, ending: str) -> None:
    """Put the last digits of the number right that was said in this turn or before."""
    said = [one for one in turn.understanding.mentions if one.slot == slot and (one.value or one.details.get("number"))]
    known = turn.frame.slots.get(slot) if turn.frame else None
    number = next((one.value or one.details["number"] for one in said), known.value if known else "")
    number = number[:LENGTH]
    mended = number[: LENGTH - len(ending)] + ending
    if len(number) == LENGTH and _VALID.fullmatch(mended):
        _put(turn, slot, mended)


def _put(turn: TurnContext, slot: str, number: str) -> None:
    heard = turn.understanding
    mention = Mention(slot, number, number, 0, len(heard.text), 1.0, "spelled", float(LENGTH))
    others = tuple(one for one in heard.mentions if one.slot != slot)
    turn.understanding = replace(heard, mentions=(*others, mention))


def _phone_slot(turn: TurnContext) -> str:
    names = turn.domain.tasks[turn.frame.task].names if turn.frame else ()
    return next((name for name in names if turn.domain.slots[name].type == "phone"), "")


def _prefix(match: re.Match[str]) -> str:
    """Return the first three digits of a number that were said as one: 一百三十六 is 136."""
    return f"一{match['tens']}{match['ones'] or '零'}"


def _read(text: str) -> str:
    """Return the digits that a text consists of, "" when it holds anything else."""
    digits = [_DIGITS.get(character, "") for character in text]
    return "".join(digits) if all(digits) else ""
