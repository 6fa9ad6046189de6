"""A few seconds of the fuzzer; `python -m tests.fuzz` goes on for as long as is wanted, with another seed each time."""

from __future__ import annotations

from tests.fuzz.running import run


def test_nothing_that_is_made_up_breaks_anything_or_leaves_anything_behind() -> None:
    found = run(1, seconds=15.0)
    assert found.steps >= 8
    assert not found.findings, "\n".join(found.findings)
