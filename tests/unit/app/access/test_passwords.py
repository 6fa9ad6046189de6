"""Passwords are kept as hashes that say how they were made."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.access.passwords import hash_password, read_users, verify_password
from app.errors import UsersInvalid

SECRET = "正确的马电池订书钉"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(SECRET)


def test_the_right_password_is_known_again_and_no_other(hashed: str) -> None:
    assert verify_password(SECRET, hashed)
    assert not verify_password(SECRET + " ", hashed)
    assert not verify_password("", hashed)


def test_the_same_password_never_has_the_same_hash(hashed: str) -> None:
    assert hash_password(SECRET) != hashed
    assert SECRET not in hashed


def test_users_come_from_the_environment_and_a_file(hashed: str, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"# staff\n\nbert:{hashed}  # the night shift\n", encoding="utf-8")
    assert read_users(f"anna:{hashed}, 王芳:{hashed}", file) == {"anna": hashed, "王芳": hashed, "bert": hashed}
    assert read_users("", None) == {}


@pytest.mark.parametrize(
    "entry",
    [
        "anna",
        "anna:secret",
        ":{hash}",
        "anna:{hash},anna:{hash}",
        "anna:scrypt$15$8$1$c2FsdHNhbHQ=$aGFzaGhhc2hoYXNoaGFzaA==",
        "anna:scrypt$1099511627776$8$1$c2FsdHNhbHQ=$aGFzaGhhc2hoYXNoaGFzaA==",
        "anna:scrypt$16384$8$1$c2FsdA==$aGFzaA==",
        "anna:scrypt$16384$8$1$*$*",
        "anna:bcrypt$1$1$1$c2FsdA==$aGFzaA==",
    ],
)
def test_a_line_that_is_no_user_is_refused_without_being_shown(hashed: str, entry: str) -> None:
    with pytest.raises(UsersInvalid, match=r"Line \d") as refused:
        read_users(entry.replace("{hash}", hashed), None)
    assert "secret" not in str(refused.value)


def test_a_file_of_users_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsersInvalid, match="nowhere"):
        read_users("", tmp_path / "nowhere")
