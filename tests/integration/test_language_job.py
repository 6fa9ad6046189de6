"""A training of a field's language model, step by step, with the real lmplz, the shipped model and recogniser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from asr.errors import LanguageJobInvalid, ModelFileMissing
from asr.lm import NgramModel, open_language_model, save_language_model
from asr.lm.commands import app as commands
from asr.lm.corpus import Limits, Source
from asr.lm.job import (
    STEPS,
    JobSpec,
    StepProgress,
    Tolerance,
    is_done,
    made_by,
    model_file,
    read_check,
    read_job,
    read_report,
    read_training,
    step_command,
    write_job,
)
from asr.lm.ngram import Order
from asr.lm.steps import LEAST_SHARE, MOST_SHARE, most_share, run_step

VOICES = Path(__file__).resolve().parents[2] / "benchmarks" / "new_voices"
TEMPLATE = """部位 = 盲肠 | 升结肠 | 横结肠 | 降结肠 | 直肠
所见 = 黏膜光滑 | 充血水肿 | 可见息肉
{部位}{所见}
[请]看一下{部位}
"""


def small_model(path: Path) -> Path:
    """A general model of a few characters, so that a test need not open the shipped one."""
    words = ("<s>", *"盲肠升横降结直黏膜光滑充血水肿可见息肉请看一下的我想挂号")
    scores = np.full(len(words), -4.0, dtype=np.float32)
    unigrams = Order(np.arange(len(words), dtype=np.int64), scores, np.zeros(len(words), np.float32))
    nothing = Order(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))
    save_language_model(NgramModel(words, (unigrams, nothing)), path)
    return path


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "patterns").write_text(TEMPLATE, encoding="utf-8")
    base = str(small_model(tmp_path / "base.npz"))
    write_job(folder, JobSpec((Source("patterns", "template", "patterns"),), base=base))
    return folder


def test_the_steps_give_a_model_that_expects_the_field(job: Path) -> None:
    told: list[StepProgress] = []
    for step in STEPS:
        run_step(step, job, told.append)
    assert read_report(job)["unique"] == 25
    trained = read_training(job)
    assert trained["perplexity"]["mixed"] < trained["perplexity"]["general"]
    assert trained["share"] == LEAST_SHARE
    assert trained["ngrams"] == [len(order.keys) for order in open_language_model(model_file(job)).orders]
    verdict = read_check(job)
    assert verdict["accepted"]
    assert verdict["perplexity"]["after"] < verdict["perplexity"]["before"]
    assert verdict["cer"] is None
    for step in STEPS:
        shares = [progress.progress for progress in told if progress.step == step]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_the_more_sentences_the_more_of_the_mixture_is_the_fields() -> None:
    shares = [most_share(sentences) for sentences in (10, 500, 1_000, 20_000, 1_000_000)]
    assert shares[0] == LEAST_SHARE
    assert shares == sorted(shares)
    assert shares[2] == pytest.approx(MOST_SHARE / 2)
    assert shares[-1] == pytest.approx(MOST_SHARE, rel=0.01)


def test_a_killed_step_leaves_nothing_and_runs_again(job: Path) -> None:
    run_step("prepare", job)

    class Killed(BaseException):
        pass

    def kill(progress: StepProgress) -> None:
        if progress.progress > 0.6:
            raise Killed

    with pytest.raises(Killed):
        run_step("train", job, kill)
    assert not is_done(job, "train")
    # As a process that is killed without a chance to tidy up leaves it.
    left = job / ".model.partial"
    left.mkdir()
    (left / "language.npz").write_bytes(b"half")
    run_step("train", job)
    assert open_language_model(model_file(job)).order == 3
    assert not left.exists()


def test_a_finished_step_is_not_done_again(job: Path) -> None:
    run_step("prepare", job)
    mark = made_by(job, "prepare") / "report.json"
    before = mark.stat().st_mtime_ns
    run_step("prepare", job)
    assert mark.stat().st_mtime_ns == before


def test_a_model_that_expects_the_field_less_is_refused_with_the_figures(job: Path, tmp_path: Path) -> None:
    run_step("prepare", job)
    run_step("train", job)
    better = tmp_path / "better.npz"
    shutil.copyfile(model_file(job), better)
    write_job(job, replace(read_job(job), running=str(better), tolerance=Tolerance(perplexity=0.99)))
    run_step("check", job)
    verdict = read_check(job)
    assert not verdict["accepted"]
    assert verdict["reasons"] == ["perplexity_worse"]


def test_recordings_are_recognised_with_both_models(job: Path, tmp_path: Path) -> None:
    lines = (VOICES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    clips = tmp_path / "clips.jsonl"
    entries = [json.loads(line) for line in lines]
    clips.write_text(
        "".join(json.dumps(e | {"audio_filepath": str(VOICES / e["audio_filepath"])}) + "\n" for e in entries),
        encoding="utf-8",
    )
    # Against the shipped model one that knows no more than a few words loses.
    shipped = Path(__file__).resolve().parents[2] / "models" / "embedded" / "language" / "language.npz"
    spec = replace(read_job(job), check_set=str(clips), running=str(shipped), tolerance=Tolerance(-0.0, 1e9))
    write_job(job, spec)
    for step in STEPS:
        run_step(step, job)
    verdict = read_check(job)
    assert verdict["cer"]["clips"] == 3
    assert verdict["cer"]["after"] > verdict["cer"]["before"]
    assert verdict["reasons"] == ["cer_worse"]


def test_a_step_is_a_process_that_tells_its_progress_line_by_line(job: Path) -> None:
    done = subprocess.run(step_command("prepare", job), capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[-1] == {"step": "prepare", "progress": 1.0, "message": "done"}
    (job / "patterns").unlink()
    shutil.rmtree(made_by(job, "prepare"))
    failed = subprocess.run(step_command("prepare", job), capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert json.loads(failed.stdout.splitlines()[-1])["error"] == "language_job_invalid"
    assert "Traceback" not in failed.stderr


def test_a_job_takes_a_pipe_and_can_be_set_up_again_after_a_file_was_not_there(tmp_path: Path) -> None:
    pipe, job = tmp_path / "pipe", str(tmp_path / "job")
    os.mkfifo(pipe)
    refused = CliRunner().invoke(commands, ["new", job, "--text", str(tmp_path / "nowhere")])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"] == "language_job_invalid"
    writer = threading.Thread(target=pipe.write_text, args=("我想挂号\n",), daemon=True)
    writer.start()
    assert CliRunner().invoke(commands, ["new", job, "--text", str(pipe)]).exit_code == 0
    writer.join(10)
    source = read_job(Path(job)).sources[0]
    assert (Path(job) / source.file).read_text() == "我想挂号\n"


def test_a_base_model_that_is_not_there_is_named(job: Path) -> None:
    write_job(job, replace(read_job(job), base=str(job / "nowhere.npz")))
    run_step("prepare", job)
    with pytest.raises(ModelFileMissing, match=r"nowhere\.npz"):
        run_step("train", job)
    assert not is_done(job, "train")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sources": []}, "sources"),
        ({"sources": [{"name": "a", "kind": "audio", "file": "a"}]}, "sources"),
        ({"sources": [{"name": "a", "kind": "text", "file": "a", "weight": 0}]}, "sources"),
        ({"sources": [{"name": "a", "kind": "text", "file": "a"}] * 2}, "sources"),
        ({"sources": [{"file": "a"}]}, "job"),
        ({"order": 6}, "order"),
        ({"prune": [0, 2, 1]}, "prune"),
        ({"prune": [1]}, "prune"),
        ({"tolerance": {"cer": -1}}, "tolerance"),
        ({"limits": {"seconds": 0}}, "limits"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_order_that_breaks_the_rules_names_the_field(change: dict[str, object], field: str) -> None:
    data = JobSpec((Source("a", "text", "a"),)).to_dict()
    with pytest.raises(LanguageJobInvalid) as caught:
        JobSpec.from_dict(data | change)
    assert caught.value.details["field"] == field


def test_an_order_comes_back_as_it_was_written(tmp_path: Path) -> None:
    spec = JobSpec((Source("a", "text", "a", 3),), order=4, prune=(0, 0, 1, 1), limits=Limits(seconds=60))
    write_job(tmp_path, spec)
    assert read_job(tmp_path) == spec
    (tmp_path / "job.json").write_text("[]")
    with pytest.raises(LanguageJobInvalid):
        read_job(tmp_path)
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(LanguageJobInvalid):
        read_job(tmp_path)
