"""Numbers: what they are worth, how they are written, and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mandarin.numbers import Kind, find_numbers


def written(text: str) -> str:
    for number in reversed(find_numbers(text)):
        text = text[: number.start] + number.written(text) + text[number.end :]
    return text


@pytest.mark.parametrize(
    ("spoken", "value"),
    [
        ("两百五", "250"),
        ("一万二", "12000"),
        ("三千五百万", "35000000"),
        ("五十万零五千", "505000"),
        ("一千零五", "1005"),
        ("一万零五百", "10500"),
        ("一亿三千万", "130000000"),
        ("一百十五", "115"),
        ("廿三", "23"),
        ("卅", "30"),
        ("壹仟贰佰叁拾肆", "1234"),
        ("3万5千", "35000"),
        ("1,234", "1234"),
        ("2.5万", "25000"),
        ("一点二亿", "120000000"),
        ("五点零三", "5.03"),
        ("三六点五", "36.5"),
        ("第一百零一", "101"),
        ("负十二点五", "-12.5"),
        ("零下五度", "-5"),
        ("百分之三点五", "3.5"),
        ("三块五毛", "3.5"),
        ("一米七五", "1.75"),
        ("三十七度二", "37.2"),
    ],
)
def test_a_number_has_its_value(spoken: str, value: str) -> None:
    (number,) = find_numbers(spoken)
    assert (number.values, number.exact) == ((Decimal(value),), True)


@pytest.mark.parametrize(
    ("spoken", "low", "high"),
    [
        ("两三个", "2", "3"),
        ("三五天", "3", "5"),
        ("十几", "11", "19"),
        ("三十几", "31", "39"),
        ("五六十", "50", "60"),
        ("十七八", "17", "18"),
        ("一百二三十", "120", "130"),
        ("三十多岁", "31", "39"),
        ("百分之三十几", "31", "39"),
        ("三到五枚", "3", "5"),
        ("三到五百块", "300", "500"),
        ("十到二十万", "100000", "200000"),
        ("百分之十到百分之二十", "10", "20"),
    ],
)
def test_a_range_and_an_approximation_have_two_ends(spoken: str, low: str, high: str) -> None:
    (number,) = find_numbers(spoken)
    assert (number.values, number.exact) == ((Decimal(low), Decimal(high)), False)


@pytest.mark.parametrize(
    ("spoken", "kind", "values"),
    [
        ("三分之二", Kind.FRACTION, (2, 3)),
        ("一又三分之二", Kind.FRACTION, (5, 3)),
        ("二比零", Kind.RATIO, (2, 0)),
        ("血压一百二八十", Kind.PRESSURE, (120, 80)),
        ("血压是一百三十五八十五", Kind.PRESSURE, (135, 85)),
        ("三乘四乘五厘米", Kind.PRODUCT, (3, 4, 5)),
    ],
)
def test_numbers_of_two_parts_have_both(spoken: str, kind: Kind, values: tuple[int, ...]) -> None:
    (number,) = find_numbers(spoken)
    assert (number.kind, number.values) == (kind, tuple(map(Decimal, values)))


@pytest.mark.parametrize(
    ("spoken", "digits"),
    [
        ("幺三八零零一三八零零零", "13800138000"),
        ("一三八双五一二三四五六", "13855123456"),
        ("幺三八四个八幺二三四", "13888881234"),
        ("双五三个零", "55000"),
        ("零零洞幺", "0001"),
        ("一九二点一六八点一点一", "192.168.1.1"),
        ("二点三点一", "2.3.1"),
        ("京A一二三四五", "12345"),
        ("三零二床", "302"),
        ("一二床", "12"),
    ],
)
def test_digits_said_one_by_one_keep_their_order(spoken: str, digits: str) -> None:
    (number,) = find_numbers(spoken)
    assert number.digits == digits


@pytest.mark.parametrize(
    ("spoken", "text"),
    [
        ("两百五十块钱", "250块钱"),
        ("血糖是五点零三", "血糖是5.03"),
        ("五十万零五千", "505000"),
        ("八到十二个", "8到12个"),
        ("三到五个", "三到五个"),
        ("零点三乘零点四厘米", "0.3×0.4厘米"),
        ("三十多岁", "30多岁"),
        ("一百多万", "100多万"),
        ("百分之十到二十", "10%到20%"),
        ("五百两银子", "500两银子"),
        ("血压一百二八十", "血压120/80"),
        ("两百一位", "两百一位"),
    ],
)
def test_a_number_is_written_as_people_do(spoken: str, text: str) -> None:
    assert written(spoken) == text


@pytest.mark.parametrize(
    "text",
    [
        *("十二指肠溃疡", "十堰", "二十四史", "三七", "五味子", "王五", "一会儿", "万一", "十八罗汉", "七十二变"),
        *("一点一点来", "十分感谢", "千万不要", "不管三七二十一", "三三两两", "四五六个", "一二三四五六七"),
        *("一百二十八十", "五十五十", "零十一", "二十大", "十一届三中全会"),
    ],
)
def test_what_is_no_number_stays_in_words(text: str) -> None:
    assert written(text) == text


@pytest.mark.parametrize("character", ["一", "五十", "9", "一百零", "三点", "万", "双"])
def test_a_hundred_kilobytes_of_numerals_are_read_in_linear_time(character: str) -> None:
    text = character * (100_000 // len(character))
    assert all(number.end <= len(text) for number in find_numbers(text))
