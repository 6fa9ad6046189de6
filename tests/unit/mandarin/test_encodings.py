"""Reading text files whose encoding nobody names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandarin.encodings import decode_text

ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be")
LIST = "腔镜 20\n消化内科\nCT 检查\n张伟、李娜，王芳。\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [LIST, LIST.replace("\n", "\r\n"), "腔镜中心", "消化内科门诊", "plain\n"])
def test_a_list_is_read_in_every_encoding(encoding: str, text: str) -> None:
    assert decode_text(text.encode(encoding)) == text


@given(st.text(alphabet="我想挂号明天上午看医生消化内科腔镜张伟龘\n", min_size=2), st.sampled_from(ENCODINGS[:4]))
def test_chinese_text_is_read_back(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xff\xff\xff")
