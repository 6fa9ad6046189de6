"""A step of a training as a process: bounded, heard, and gone with whoever began it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.language_models.errors import StepFailed, StepTimeout
from app.language_models.steps import GUARD, StepLimits, run_step

LIMITS = StepLimits(memory_bytes=2**28, seconds=30.0, beat=0.1)


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def never(_progress: float, _log: str) -> bool:
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_step_is_ended_when_its_time_is_over() -> None:
    with pytest.raises(StepTimeout):
        run_step(python("import time; time.sleep(60)"), StepLimits(2**28, 0.3, 0.1), "", never)


def test_progress_and_log_are_heard_and_lines_that_are_no_objects_are_log() -> None:
    heard: list[tuple[float, str]] = []
    code = """print('plain'); print('{"progress": 0.5, "message": "half"}'); print('{"progress": "x"}'); print('[1]')"""
    assert run_step(python(code), LIMITS, "before\n", lambda progress, log: bool(heard.append((progress, log))))
    assert heard[-1] == (1.0, "before\nplain\nhalf\n[1]\n")


def test_a_step_that_fails_says_why() -> None:
    code = """print('{"error": "trainer_missing", "message": "no lmplz", "details": {"n": 1, "x": []}}'); exit(1)"""
    with pytest.raises(StepFailed, match="no lmplz") as caught:
        run_step(python(code), LIMITS, "", never)
    assert (caught.value.said, caught.value.given) == ("trainer_missing", {"n": 1})
    with pytest.raises(StepFailed, match="MemoryError"):
        run_step(python("bytearray(2**30)"), LIMITS, "", never)
    with pytest.raises(StepFailed, match="killed"):
        run_step(python("import os; os.kill(os.getpid(), 9)"), LIMITS, "", never)


def test_a_step_does_not_see_the_apps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINGSHUO_LM_CALLBACK_SECRET", "geheim")
    heard: list[str] = []
    run_step(python("import os; print(sorted(os.environ))"), LIMITS, "", lambda _, log: bool(heard.append(log)))
    assert "PYTHONPATH" in heard[-1]
    assert "TINGSHUO" not in heard[-1]


def test_an_error_of_who_listens_ends_the_step_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def fail(_progress: float, log: str) -> bool:
        if "up" in log:
            raise ConnectionError
        return False

    code = f"import os,time; open({str(pid)!r},'w').write(str(os.getpid())); print('up', flush=True); time.sleep(60)"
    with pytest.raises(ConnectionError):
        run_step(python(code), LIMITS, "", fail)
    until(lambda: not alive(int(pid.read_text())))


def test_a_step_and_what_it_began_are_gone_when_the_worker_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, time
child = subprocess.Popen(['sleep', '60'])
open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')
time.sleep(60)
"""
    # A worker that does nothing but hold the input of the guard.
    worker = subprocess.Popen(
        python(f"import subprocess,time; "
               f"subprocess.Popen([{sys.executable!r}, '-I', '-S', {str(GUARD)!r}, '268435456', *{python(code)!r}], "
               "stdin=subprocess.PIPE, start_new_session=True); time.sleep(60)")
    )  # fmt: skip
    until(lambda: pids.exists() and pids.read_text().endswith(" "))
    step, child = map(int, pids.read_text().split())
    assert alive(step)
    assert alive(child)
    worker.kill()
    worker.wait()
    until(lambda: not alive(step) and not alive(child))
