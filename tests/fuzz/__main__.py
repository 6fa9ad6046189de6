"""`python -m tests.fuzz`: fuzz the app for as long as is wanted; exits with 1 when anything was found."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys

import structlog

from tests.fuzz.running import run, tell


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to go on")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what is sent follows from it")
    parser.add_argument("--first", type=int, default=0, help="the first step")
    parser.add_argument("--steps", type=int, default=2**62, help="how many steps at most")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    found = run(asked.seed, seconds=60 * asked.minutes, first=asked.first, steps=asked.steps)
    tell(f"seed {found.seed}: {found.steps} steps, {len(found.findings)} findings")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
