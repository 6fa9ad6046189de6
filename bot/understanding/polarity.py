"""Which of the values in an utterance are meant: not those refused, repaired or only asked about.

A refusal has a scope. 不要下午 refuses what follows it, 明天上午去不了 what stands before it in its clause, 除了周三
what stands between its two halves, 未见息肉、溃疡及肿物 the whole enumeration. A self-repair (两枚，哦不，三枚) takes
back the value of the same slot that was said last before it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bot.slots.mention import Mention
from bot.understanding.clauses import Clause

_WHOLE_CLAUSE = re.compile(r"[^,。;!?\n]*")
_BEHIND = re.compile(
    r"^[\w、]{0,6}?(?:"
    r"(?:去|来|赶|到|过|走|约|看|挂|做|吃|坐|见)不了|(?:不(?:太|大|怎么|是很|是太)?|没(?:有)?(?:什么)?)(?:行|方便|合适|可以|空|时间|成|喜欢|想要|舒服(?=的时间))"
    r"|不(?:要|想|去|来|挂|看|约|用|坐|吃|订|考虑)(?:了|$|[\W_])|不(?:要|去|来|挂|看|约)$|(?<!也)(?<!都)(?<!其他时间)没(?:有)?空|没(?:有)?时间|没得空|免了|就?算了|就?不(?:必|用|考虑)了?|除外|不算|太(?:早|晚|远|贵|吵|挤|慢)了?|可?不行|不在家|走不开|抽不出"
    r"|(?:以外|之外)[^,。;]{0,4}(?:都|其他|别的|哪)"
    r")"
)
_BUSY = re.compile(
    r"^[\w、]{0,6}?(?:有(?:别的)?事|(?:要|得|在|都)(?:上班|开会|加班|出差|值班|上课|上学))(?!前|之前|了?以前)"
)
_NOTE = re.compile(r"提醒|记得|叫我|闹钟|备忘")
"""In what somebody wants to be reminded of, being busy that day is what it is about."""
_BEFORE = re.compile(
    r"(?:别|不要|甭|不用|不想|不愿意?|拒绝|反正不|千万别|可别)(?:再)?(?:给|跟|帮|替)?(?:我|我们|咱)?"
    r"(?:安排|挂|约|订|选|看|要|派|找|换|定|弄|去|坐|吃|排|写|记|放)?(?:到|在|成|给)?(?:的|个|了|那个|那位|那家|上|什么)?$"
)
_EXCEPT = re.compile(
    r"除(?:了|去|开)?(?P<inside>[^,。;]{1,14}?)(?:以外|之外|外|[,，]|(?=都|哪|其他|别的|其余|全|什么))"
)
_NORMAL = re.compile(r"未见(?:明显)?(?:异常|病变)|无异常|没有?异常|正常|也|还(?!是)|光滑")
_ABSENT = re.compile(
    r"(?:未|(?<![一二两三四五六七八九十几\d])没有?|无|不)(?:见(?:到|有)?|看(?:到|见)|发现|触及|扪及|查见|探及|察觉|发生|出现)?(?:明显|确切|任何|活动性?|什么|其他|新的?)*(?:的)?$"
    r"|(?:否认|排除)(?:有)?(?:明显|任何)?$"
)
_ABSENT_BEHIND = re.compile(
    r"(?:[、及和与或/]+[^,。;!?\s]{1,8}?){0,4}(?:都|均|也|全|皆)?(?:没有|未见|没见|无|没(?:有)?(?:看|见|发现)到?|阴性|不存在)(?:到|过)?(?=$|[,。;!\s])"
)
_AND = re.compile(r"^(?:、|及|和|与|或|或者|以及|,|也没有|也无|也未见|/|\s|亦无|无|未见|没有)+$")
_ADVERSE = re.compile(r"[。;!?\n]|但|只|仅|可见|另见|(?<!未)(?<!没)见")
_REPAIR = re.compile(
    r"(?:哦|噢|啊|呃|额|嗯|诶|唉|哎|呀|,|。|\s)*(?:不对不对|不对|不是不是|不是|不不|不|错了|说错了|我说错了|讲错了|搞错了|口误|更正|应该是|等等|等一下|改一下)"
    r"(?:哦|噢|啊|呃|额|嗯|,|。|\s|是|应该|改成|我说的|说|要|我要|我想要)*$"
)
_MARKED = re.compile(r"哦|噢|呃|额|诶|唉|哎|,|。|错|口误|更正|不对|应该是")


class Polarity:
    """Weighs the mentions of an utterance. `facts` are slots that are stated rather than wished for (findings)."""

    def __init__(self, facts: Collection[str], negation: re.Pattern[str]) -> None:
        """Weigh with the `negation` of the domain's words; the values of `facts` can be absent (未见…)."""
        self._facts = frozenset(facts)
        self._negation = negation

    def weigh(self, text: str, mentions: Sequence[Mention]) -> list[Mention]:
        """Return the mentions without those taken back by a self-repair; the refused ones are marked."""
        kept = list(self._without_repaired(text, mentions))
        weighed: list[Mention] = []
        for mention in kept:
            absent = self._absent(text, mention, weighed)
            weighed.append(replace(mention, negated=absent or self._refused(text, mention, kept), absent=absent))
        return weighed

    @staticmethod
    def _without_repaired(text: str, mentions: Sequence[Mention]) -> Iterator[Mention]:
        for index, mention in enumerate(mentions):
            later = next((one for one in mentions[index + 1 :] if one.slot == mention.slot), None)
            between = text[mention.end : later.start] if later else ""
            repaired = later is not None and later.value and _REPAIR.search(between) and _MARKED.search(between)
            if not repaired:
                yield mention

    def _refused(self, text: str, mention: Mention, mentions: Sequence[Mention]) -> bool:
        before, after = text[: mention.start], text[mention.end :]
        same = [one for one in mentions if one.slot == mention.slot and one.end <= mention.start]
        gap = text[same[-1].end : mention.start] if same else ""
        if gap and _REPAIR.fullmatch(gap) and _MARKED.search(gap):
            return False  # 骨科，哦不是，皮肤科: what follows is meant
        if self._negation.search(before) or _BEFORE.search(before):
            return True
        if (excepted := _EXCEPT.search(text)) and excepted.start() <= mention.start < excepted.end():
            return excepted.start("inside") <= mention.start and not _NORMAL.search(text[excepted.end() :])
        if mention.slot in self._facts:
            return False
        clause = (_WHOLE_CLAUSE.match(after) or [""])[0]
        tail = clause
        for other in mentions:  # 明天上午去不了 refuses both; 明天没空，后天有空 only the first
            if other.start < mention.end:
                continue
            first = other.start - mention.end
            if first >= len(clause):
                break
            if other.slot == mention.slot:
                tail = clause[:first]
                break
            tail = tail.replace(text[other.start : other.end], "", 1)
        busy = _BUSY.search(tail) and not _NOTE.search(text)
        return bool(_BEHIND.search(tail) or busy)

    def _absent(self, text: str, mention: Mention, before: Sequence[Mention]) -> bool:
        if mention.slot not in self._facts:
            return False
        if _ABSENT.search(text[: mention.start]) or _ABSENT_BEHIND.match(text, mention.end):
            return True
        last = next((one for one in reversed(before) if one.slot == mention.slot), None)
        gap = text[last.end : mention.start] if last else ""
        return bool(last and last.absent and _AND.fullmatch(gap) and not _ADVERSE.search(gap))


def asserted(mentions: Sequence[Mention], clauses: Sequence[Clause]) -> tuple[list[Mention], list[Mention]]:
    """Divide the mentions into those that count and those that are only asked about or stand in a condition."""
    idle = [clause for clause in clauses if clause.act in ("ask", "condition")]
    asked = [one for one in mentions if any(clause.start <= one.start < clause.end for clause in idle)]
    return [one for one in mentions if one not in asked], asked
