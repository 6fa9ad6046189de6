"""Numbers as people write them, and all that looks like a number and is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.itn import InverseTextNormalizer


@pytest.fixture(scope="module")
def normalizer() -> InverseTextNormalizer:
    return InverseTextNormalizer()


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("下降超百分之五十", "下降超50%"),
        ("百分之三点五", "3.5%"),
        ("百分之百", "100%"),
        ("千分之三", "3‰"),
        ("三分之二的人", "2/3的人"),
        ("二比零", "2:0"),
        ("我的电话是幺三八零零一三八零零零", "我的电话是13800138000"),
        ("快递单号四七九九四三", "快递单号479943"),
        ("三楼五零二房间", "三楼502房间"),
        ("打幺幺九", "打119"),
        ("下午三点半", "下午3点半"),
        ("明天下午三点", "明天下午3点"),
        ("早上八点二十", "早上8点20"),
        ("十点零五分", "10点05分"),
        ("三点一刻", "3点一刻"),
        ("从八点半到十点半", "从8点半到10点半"),
        ("这周日上午九点九人", "这周日上午9点九人"),
        ("二零二六年十一月二十一日", "2026年11月21日"),
        ("五月一号", "5月1号"),
        ("二十号下午两点", "20号下午2点"),
        ("九八年", "98年"),
        ("一百二十块钱", "120块钱"),
        ("三块五", "3块5"),
        ("人民币五百元", "人民币500元"),
        ("四百八十元每晚", "480元每晚"),
        ("大小约零点三厘米", "大小约0.3厘米"),
        ("体温三十七度二", "体温37度2"),
        ("身高一米七五", "身高1米75"),
        ("一千二百三十四", "1234"),
        ("一万两千", "12000"),
        ("十万", "10万"),
        ("一亿三千万", "1亿3000万"),
        ("三十五岁", "35岁"),
        ("第二十一届", "第21届"),
        ("八零后", "80后"),
        ("两百五十块钱", "250块钱"),
        ("血糖是五点零三", "血糖是5.03"),
        ("今天五点零三出发", "今天5点03出发"),
        ("五十万零五千", "505000"),
        ("下午三点到五点", "下午3点到5点"),
        ("明天三点开会", "明天3点开会"),
        ("百分之十到百分之二十", "10%到20%"),
        ("血压一百二八十", "血压120/80"),
        ("周五十点", "周五10点"),
        ("五月三号到十二号", "5月3号到12号"),
    ],
)
def test_numbers_are_written_in_digits(normalizer: InverseTextNormalizer, spoken: str, written: str) -> None:
    assert normalizer.normalize(spoken) == written


@pytest.mark.parametrize(
    "text",
    [
        "我想挂一个专家号",
        "等一下",
        "我们一起去吧",
        "有一点疼",
        "下午一点都不热",
        "早一点来",
        "一点一点来",
        "万一下雨",
        "千万不要",
        "十分感谢",
        "三个人",
        "周一上午",
        "星期三",
        "三号楼",
        "五一",
        "八达岭",
        "十全十美",
        "不管三七二十一",
        "三三两两",
        "十几个",
        "几十个",
        "三四十个",
        "七八百",
        "两三天",
        "八九年",
        "早上六七点钟",
        "比一比",
        "万分之一",
        "一百二十八十",
        "十二指肠溃疡",
        "十堰",
        "二十四史",
        "十一期间",
        "国庆十一",
        "腊月二十三",
        "正月十五",
        "大年三十",
        "我叫王十一",
        "百分之三十几",
        "没有数字",
        "",
    ],
)
def test_what_is_no_number_stays_in_words(normalizer: InverseTextNormalizer, text: str) -> None:
    assert normalizer.normalize(text) == text


@given(st.text(st.sampled_from("零一二两三五八九十百千万亿点分之比几半刻年月号日块米度个上午我幺a，"), max_size=24))
def test_any_text_is_rewritten_in_order_and_without_overlap(text: str) -> None:
    done = 0
    for change in InverseTextNormalizer().rewritings(text):
        assert done <= change.start < change.end <= len(text)
        assert change.text
        assert change.text != text[change.start : change.end]
        done = change.end
