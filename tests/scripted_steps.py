"""The steps of a training, done as the first line of the first source says: for tests of what goes on around them.

    python -I -S scripted_steps.py MODEL STEP FOLDER

The line is `STEP: ACTION` for one step; all other steps, and all of another line, go well at once. It imports nothing
that takes time, for the tests of killed workers run it some hundred times.
"""

# ruff: noqa: PTH103, PTH120, PTH123 -- pathlib takes longer to import than most steps here to run
import json
import os
import sys
import time

FIGURES = {
    "prepare": ("corpus/report.json", {"sentences": 3, "unique": 3, "held_out": 1, "problems": []}),
    "train": ("model/training.json", {"ngrams": [3, 2], "share": 0.5, "seconds": 0.1}),
    "check": (
        "check/check.json",
        {
            "accepted": True,
            "reasons": [],
            "perplexity": {"before": 80.0, "after": 40.0},
            "cer": {"before": 0.1, "after": 0.05, "clips": 2},
            "tolerance": {"cer": 0.003, "perplexity": 1.0},
            "seconds": 0.1,
        },
    ),
}


def main(model: str, step: str, folder: str) -> int:
    with open(f"{folder}/source0.txt", encoding="utf-8") as file:
        asked, _, action = file.readline().strip().partition(": ")
    path, figures = FIGURES[step]
    say(json.dumps({"step": step, "progress": 0.5, "message": f"half of {step}"}))
    if asked == step:
        status = act(action, folder, figures)
        if status is not None:
            return status
    os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
    if step == "train":
        with open(model, "rb") as source, open(f"{folder}/model/language.npz", "wb") as target:
            target.write(source.read())
    with open(f"{folder}/{path}", "w", encoding="utf-8") as target:
        json.dump(figures, target)
    return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def act(action: str, folder: str, figures: dict[str, object]) -> int | None:
    word, _, value = action.partition(" ")
    if word == "wait":
        time.sleep(float(value))
    elif word == "spawn":  # what lmplz is to the real step
        os.spawnlp(os.P_NOWAIT, "sleep", "sleep", value)
        time.sleep(float(value))
    elif word == "refuse":
        figures |= {"accepted": False, "reasons": ["cer_worse"], "cer": {"before": 0.05, "after": 0.1, "clips": 2}}
    elif word == "error":
        say(json.dumps({"step": "", "error": value, "message": "as the test asked", "details": {"sentences": 0}}))
        return 1
    elif word == "disk":
        with open("/dev/full", "w") as full:
            full.write("x")
    elif word == "memory":
        bytearray(int(value))
    elif word == "shout":
        for _ in range(int(value)):
            say("\x1b[31m" + "大声" * 3000)
    return None


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
