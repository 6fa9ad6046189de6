"""Whether an utterance as a whole agrees to a summary: nothing is carried out by less.

A yes is one when nothing stands beside it but particles, thanks, the name of the deed (确认挂号, 退了吧) and values
that the summary has already. A question, a condition, a "but" or another value is no agreement.
"""

from __future__ import annotations

import re

from bot.rules.context import TurnContext
from bot.state import Frame

_LIGHT = re.compile(
    r"[嗯呃额啊哦噢喔那就吧的了呀哈啦嘞哎诶唉哟嘛都也您你我咱它请快来去给帮把这样说没错无误办弄提交下单保存完成可能要行个张]"
    r"|麻烦|谢谢|多谢|感谢|辛苦|现在|马上|赶紧|一下|这个|那个|上面|以上|所有|全部|信息|内容|没有?问题|号|票|不用改|不改|不(?:需要)?修?改"
)
_DEED = re.compile(
    r"^[嗯好行那就都您你请麻烦帮我给快对,。!\s]*(?:确认)?(?P<deed>[挂订约退改办存写设定提交下单]{1,2})(?:上|掉|号|票|了|好)?(?:吧|了吧|呗|啊|哈)[,。!\s]*$"
)


def agrees(turn: TurnContext, frame: Frame) -> bool:
    """Whether the user has agreed to what the bot is about to do, and to nothing else."""
    heard = turn.understanding
    if heard.reserved or heard.correcting or any(map(heard.wants, ("deny", "cancel", "change"))):
        return False
    values = frame.values
    if any(one.negated or not one.value or values.get(one.slot) != one.value for one in heard.mentions):
        return False
    task = turn.domain.tasks[frame.task]
    deeds = {"".join(task.title), *turn.domain.intents[task.intent].keywords}
    deed = _DEED.match(heard.text)
    if deed and any(deed["deed"] in word for word in deeds):
        return True
    if heard.spoken and heard.wants("affirm") and heard.sounds_agreeing:
        return True
    text = _without_values(turn, frame)
    yes = [word for word in turn.domain.intents["affirm"].keywords if len(word) > 1 and word.lower() in text]
    if not yes and not heard.wants("affirm"):
        return False
    for word in sorted({*turn.domain.intents["affirm"].keywords, *deeds}, key=len, reverse=True):
        text = text.replace(word.lower(), "")
    rest = "".join(character for character in _LIGHT.sub("", text) if character.isalnum())
    return len(rest) <= (1 if heard.spoken and not heard.mentions else 0)


def _without_values(turn: TurnContext, frame: Frame) -> str:
    """Return what was said without the values and the names of slots."""
    text = turn.understanding.text
    for mention in sorted(turn.understanding.mentions, key=lambda one: -one.start):
        text = text[: mention.start] + text[mention.end :]
    for name, value in frame.slots.items():
        for known in filter(None, (value.said.lower(), value.value.lower())):
            text = text.replace(known, "")
        slot = turn.domain.slots[name]
        for label in sorted((slot.label, *slot.aliases), key=len, reverse=True):
            text = text.replace(label, "")
    return text
