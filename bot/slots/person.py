"""Names of people: introduced (我叫…, 病人是…, 姓…名…), or as the bare answer when a name was asked for."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from bot.heard import Heard
from bot.phonetics import Sounds, syllables
from bot.slots.mention import Mention, spelled_confidence

# the surnames of 99 % of the people, most frequent first (which decides between homophones)
SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚"
    "沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
    "康易乔赖文施洪辛柯庄温牛樊葛邢安齐伍庞颜倪章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮纪梅童凌毕单裴"
    "霍成苗谷盛曲翁冉骆蓝路游靳管柴蒙鲍华喻祁房滕屈饶牟艾尤时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜"
    "冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟"
)
_FREQUENT = 60
COMPOUND = (
    "欧阳",
    "上官",
    "皇甫",
    "令狐",
    "诸葛",
    "司徒",
    "司马",
    "申屠",
    "夏侯",
    "尉迟",
    "东方",
    "慕容",
    "端木",
    "公孙",
    "宇文",
    "长孙",
)
_SPELLED_OUT = {"弓长": "张", "木子": "李", "立早": "章", "耳东": "陈", "双木": "林", "口天": "吴", "言午": "许"}
_SPELLED_OUT |= {"古月": "胡", "草头": "黄", "三横": "王", "双口": "吕", "走肖": "赵", "干勾": "于", "人可": "何"}

_HAN = r"[一-鿿]"
_INTRODUCED = re.compile(
    rf"(?:(?:我的?|他的?|她的?|病人的?|患者的?|就诊人的?|孩子的?)?(?:名字|姓名)(?:就?[是叫]|[::])?|"
    rf"(?:我|他|她|它|孩子|病人|患者|就诊人)(?:就?叫)|(?:病人|患者|就诊人)(?:就?是|[::]))\s*(?:做)?"
    rf"(?P<name>{_HAN}{{2,4}}?|[a-z][a-z .'·-]{{1,30}})"
    rf"(?=$|[^一-鿿a-z]|电话|手机|号码|联系|想|要|挂|预约|吧|啊|呀|哦|我|今天|明天|后天|下周|这周|他|她|就)"
)
_SURNAME_FIRST = re.compile(
    rf"姓(?P<family>{_HAN}{{1,2}}?)[, ]?(?:名字|单名|名|叫)(?:叫|一个|是)?"
    rf"(?P<given>{_HAN}{{1,4}}?)(?=$|[^一-鿿]|字|吧|啊)"
)
_SURNAME_ONLY = re.compile(rf"(?:我|免贵|病人|患者|他|她)姓(?P<family>{_HAN})(?=$|[^一-鿿])")
_FILLERS = re.compile(r"^(?:嗯|呃|额|啊|哦|那个|就是|就)+|(?:吧|啊|呀|哦|呢|的)+$")
_PREFIXES = (
    *(
        "我的名字叫",
        "我的名字是",
        "我名字叫",
        "名字叫",
        "名字是",
        "姓名是",
        "病人叫",
        "病人是",
        "患者是",
        "他叫",
        "她叫",
    ),
    *("我叫", "我是", "叫做", "病人", "患者", "叫", "是"),
)
_NOBODY = frozenset(
    {"我", "我自己", "自己", "本人", "我本人", "自己看", "病人", "患者", "孩子", "老人", "家人", "朋友", "姓名", "名字"}
)


class PersonReader:
    """Finds one name; what does not look like one is given back with low confidence, so that it is asked about."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot
        self._prefix_sounds = [(prefix, syllables(prefix)) for prefix in _PREFIXES]

    def read(self, heard: Heard, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the name, if any; see SlotReader. A bare answer is taken only when a name was asked for."""
        found = self._introduced(heard)
        if not found and asked:
            found = self._bare(heard)
        return [found] if found else []

    def _introduced(self, heard: Heard) -> Mention | None:
        surname_first = _SURNAME_FIRST.search(heard.text)
        if surname_first:
            family, given = surname_first["family"], surname_first["given"]
            name = given if given.startswith(family) and len(given) > 1 else family + given
            return self._mention(heard, name, *surname_first.span())
        if alone := _SURNAME_ONLY.search(heard.text):
            return self._mention(
                heard, "", *alone.span(), problem="name_incomplete", details={"family": alone["family"]}
            )
        match = _INTRODUCED.search(heard.text)
        if not match or match["name"] in _NOBODY:
            return None
        start, end = match.span("name")
        return self._mention(heard, heard.shown[start:end].strip(), match.start(), end)

    def _bare(self, heard: Heard) -> Mention | None:
        """Take the whole answer, without introduction and particles, for a name."""
        for piece in re.finditer(r"[^\s,,。.!!?？、;:]+(?: (?=[a-z])[a-z'-]+)*", heard.text):
            start, end = self._strip(heard, *piece.span())
            name = heard.text[start:end]
            for spelled_out, family in _SPELLED_OUT.items():
                name = name.removesuffix(f"{spelled_out}{family}").removesuffix(f"{spelled_out}的{family}")
            if name in _NOBODY:
                return self._mention(heard, "", start, end, problem="name_needed")
            if re.fullmatch(rf"{_HAN}{{2,4}}|{_HAN}{{1,6}}·{_HAN}{{1,10}}", name):
                return self._mention(heard, name, start, start + len(name), how="bare")
            if re.fullmatch(r"[a-z][a-z '-]{1,30}", name) and len(name) > 2:
                return self._mention(heard, heard.shown[start:end], start, end, how="bare")
        return None

    def _strip(self, heard: Heard, start: int, end: int) -> tuple[int, int]:
        """Return the span without introduction and particles; when spoken, the introduction may be misspelled."""
        text = heard.text[start:end]
        for filler in list(_FILLERS.finditer(text)):
            if filler.start() == 0:
                start += filler.end()
            else:
                end -= filler.end() - filler.start()
        text = heard.text[start:end]
        sound = syllables(text) if heard.spoken else ()
        for prefix, prefix_sound in self._prefix_sounds:
            rest = len(text) - len(prefix)
            if rest >= 2 and (text.startswith(prefix) or sound[: len(prefix)] == prefix_sound):
                return start + len(prefix), end
        return start, end

    def _mention(
        self,
        heard: Heard,
        name: str,
        start: int,
        end: int,
        *,
        how: str = "spelled",
        problem: str = "",
        details: dict[str, str] | None = None,
    ) -> Mention:
        repaired = _repair(name) if heard.spoken else name
        known = has_surname(repaired) or not re.match(_HAN, repaired)
        confidence = spelled_confidence(heard, start, end) if how == "spelled" else 0.9
        return Mention(
            slot=self._slot,
            value=repaired,
            said=heard.shown[start:end],
            start=start,
            end=end,
            confidence=confidence if known or how == "spelled" or problem else 0.6,
            how="spelled" if how == "spelled" else "bare",
            gain=len(name) - 0.5,
            problem=problem,
            details=details or {},
        )


def has_surname(name: str) -> bool:
    """Whether a name begins with a usual surname."""
    return bool(name) and (name[0] in SURNAMES or name[:2] in COMPOUND)


def _repair(name: str) -> str:
    """Give a misheard surname its usual spelling: 望小明 is 王小明. Only what is no surname is touched."""
    if len(name) < 2 or has_surname(name) or not re.match(_HAN, name):
        return name
    if len(name) > 2 and name[1] in SURNAMES[:_FREQUENT]:
        return name[1:]  # a stray syllable before the name: 乘赵敏
    sound = syllables(name)
    for surname, surname_sound in _surname_sounds():
        if sound[0] == surname_sound:
            return surname + name[1:]
    return name


@cache
def _surname_sounds() -> tuple[tuple[str, str], ...]:
    return tuple((surname, syllables(surname)[0]) for surname in SURNAMES)
