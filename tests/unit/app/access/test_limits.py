"""What one may ask of the app in a minute, in an hour, at the same time."""

from __future__ import annotations

import pytest

from app.access import limits as module
from app.access.limits import Allowance, Limits
from app.errors import TooManyRequests, TooManyStreams, TooMuchAudio


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_requests_beyond_the_limit_are_told_when_to_come_again(clock: Clock) -> None:
    limits = Limits(requests_per_minute=6, clock=clock)
    for _ in range(6):
        limits.take_request("anna", "10.0.0.1")
    with pytest.raises(TooManyRequests) as refused:
        limits.take_request("anna", "10.0.0.2")
    assert refused.value.details == {"limit": 6, "retry_after": 10}
    clock.now += 10
    limits.take_request("anna", "10.0.0.2")


def test_an_address_is_limited_whatever_persons_it_says_it_is(clock: Clock) -> None:
    limits = Limits(requests_per_minute=3, clock=clock)
    for person in ("a", "b", ""):
        limits.take_request(person, "10.0.0.1")
    with pytest.raises(TooManyRequests):
        limits.take_request("c", "10.0.0.1")
    limits.take_request("c", "10.0.0.2")


def test_one_customer_of_ipv6_is_one_address(clock: Clock) -> None:
    limits = Limits(requests_per_minute=1, clock=clock)
    limits.take_request("", "2001:db8:1:2:a::1")
    with pytest.raises(TooManyRequests):
        limits.take_request("", "2001:db8:1:2:b::2")
    limits.take_request("", "2001:db8:1:3::1")


def test_audio_is_spent_by_its_length_and_comes_back_with_time(clock: Clock) -> None:
    limits = Limits(audio_seconds_per_hour=60.0, clock=clock)
    limits.check_audio("anna", "10.0.0.1")
    limits.spend_audio("anna", "10.0.0.1", 90.0)  # the length is known only once the recording is decoded
    with pytest.raises(TooMuchAudio) as refused:
        limits.check_audio("anna", "10.0.0.9")
    assert refused.value.details["retry_after"] == 31 * 60
    clock.now += 31 * 60
    limits.check_audio("anna", "10.0.0.9")
    limits.check_audio("bert", "10.0.0.2")


def test_streams_are_counted_while_they_are_open() -> None:
    limits = Limits(max_streams=2)
    with limits.stream("anna", "10.0.0.1"), limits.stream("anna", "10.0.0.2"):
        with pytest.raises(TooManyStreams), limits.stream("anna", "10.0.0.3"):
            pytest.fail("a third stream was opened")
        with limits.stream("bert", "10.0.0.1"):
            pass
    with limits.stream("anna", "10.0.0.3"):
        pass


def test_zero_is_no_limit() -> None:
    limits = Limits()
    for _ in range(1000):
        limits.take_request("anna", "10.0.0.1")
    limits.spend_audio("anna", "10.0.0.1", 1e9)
    limits.check_audio("anna", "10.0.0.1")
    with limits.stream("anna", "10.0.0.1"):
        pass


def test_a_flood_of_addresses_does_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 10)
    allowance = Allowance(1, 60.0, clock)
    for number in range(100):
        allowance.spend(f"address {number}", 1.0)
    assert allowance.wait("address 99", 1.0) > 0
    assert allowance.wait("address 0", 1.0) == 0
    assert len(allowance._left) == 10
