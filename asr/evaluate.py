"""`python -m asr.evaluate MANIFEST...`: how well, and how fast, a model recognises (asr.evaluation.recognition)."""

from __future__ import annotations

import typer

from asr.evaluation.recognition import main

if __name__ == "__main__":
    typer.run(main)
