"""Passwords can be tried a few times, then ever more slowly; and never at the cost of somebody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.access.login_tries import FREE_TRIES, FREE_TRIES_OF_ADDRESS, LONGEST_WAIT, LoginTries
from app.errors import TooManyRequests

HERE, ELSEWHERE = "10.0.0.1", "10.0.0.2"


class Tries(LoginTries):
    """Tries at a time that the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(lambda: self.now)

    def wait(self, name: str, address: str) -> int:
        """Try once; return the seconds to wait, 0 when the password would be checked."""
        try:
            self.begin(name, address)
        except TooManyRequests as refused:
            return int(refused.details["retry_after"])
        return 0


@pytest.fixture
def tries() -> Tries:
    return Tries()


def test_each_wrong_password_beyond_the_free_ones_waits_twice_as_long(tries: Tries) -> None:
    for _ in range(FREE_TRIES):
        assert tries.wait("anna", HERE) == 0
    waits = []
    for _ in range(12):
        waits.append(tries.wait("anna", HERE))
        tries.now += waits[-1]
        assert tries.wait("anna", HERE) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 0]  # at last it is forgotten


def test_tries_at_the_same_time_are_all_counted(tries: Tries) -> None:
    assert [tries.wait("anna", HERE) == 0 for _ in range(80)].count(True) == FREE_TRIES


def test_others_with_wrong_passwords_do_not_lock_the_owner_out(tries: Tries) -> None:
    for number in range(200):
        tries.wait("anna", f"10.1.0.{number}")
        tries.wait("anna", ELSEWHERE)
    assert tries.wait("anna", HERE) == 0


def test_names_cannot_be_tried_one_after_the_other(tries: Tries) -> None:
    waits = [tries.wait(f"name{number}", HERE) for number in range(FREE_TRIES_OF_ADDRESS + 1)]
    assert waits == [0] * FREE_TRIES_OF_ADDRESS + [1]


@pytest.mark.parametrize("address", [lambda n: f"2001:db8:1:2::{n}", lambda n: f"2001:db8:1:2:{n}::1"])
def test_a_network_of_ipv6_is_one_address(tries: Tries, address: Callable[[int], str]) -> None:
    assert [tries.wait("anna", address(number)) == 0 for number in range(80)].count(True) == FREE_TRIES


def test_the_right_password_makes_a_clean_slate(tries: Tries) -> None:
    for _ in range(100):
        assert tries.wait("anna", HERE) == 0
        tries.right("anna", HERE)


def test_wrong_passwords_are_forgotten(tries: Tries) -> None:
    for _ in range(FREE_TRIES + 1):
        tries.wait("anna", HERE)
    tries.now += LONGEST_WAIT
    assert tries.wait("anna", HERE) == 0
