"""Pushes the app to a Gradio Space on Hugging Face: `scripts/push-space NAME/SPACE`; docs/gradio.md has the rest.

Only what a Space runs is pushed, and only what git keeps: no data, no settings of this machine. The Hub takes no file
above 10 MiB in plain git; huggingface_hub stores those as the Hub asks for, and .gitattributes names them, so that a
clone of the Space works too.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "asr", "bot", "mandarin", "tts", "assets", "models")
FILES = ("app.py", "LICENSE", "README.md", "packages.txt", "requirements.txt", "docs/images/desktop.png")
LEFT_OUT = ("asr/training",)  # needs torch, and corpora
MOST_IN_GIT = 10 * 2**20  # bytes of one file that the Hub takes in plain git


def files(root: Path = ROOT) -> list[Path]:
    """Return what a Space needs, below `root`, in order."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout
    return [path for name in sorted(listed.split("\0")) if name and _needed(path := Path(name), root)]


def _needed(path: Path, root: Path) -> bool:
    if not (root / path).is_file() or any(path.is_relative_to(folder) for folder in LEFT_OUT):
        return False
    return path.as_posix() in FILES or path.parts[0] in FOLDERS


def large(paths: Sequence[Path], root: Path = ROOT) -> list[Path]:
    """Return those of `paths` that the Hub does not take in plain git."""
    return [path for path in paths if (root / path).stat().st_size > MOST_IN_GIT]


def stage(paths: Sequence[Path], folder: Path, root: Path = ROOT) -> None:
    """Copy what is pushed to `folder`, with the .gitattributes that the Space needs."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, folder / path)
    lines = [f"{path.as_posix()} filter=lfs diff=lfs merge=lfs -text\n" for path in large(paths, root)]
    (folder / ".gitattributes").write_text("* text=auto eol=lf\n" + "".join(lines), encoding="utf-8")


def push(space: str, *, endpoint: str | None, private: bool) -> str:
    """Push the app to `space`, which is made when it is not there; return where the change can be seen."""
    hub = HfApi(endpoint=endpoint)
    hub.create_repo(space, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tingshuo-space-") as folder:
        stage(files(), Path(folder))
        # What the Space has and the app has no more goes with the same change.
        done = hub.upload_folder(
            repo_id=space, repo_type="space", folder_path=folder, delete_patterns="*", commit_message="Update the app"
        )
    return str(done.commit_url)


def main() -> None:
    """Push, or show what would be pushed."""
    parser = argparse.ArgumentParser(prog="scripts/push-space", description="Push the app to a Gradio Space.")
    parser.add_argument("space", help="the Space, as NAME/SPACE")
    parser.add_argument("--dry-run", action="store_true", help="show what would be pushed, and push nothing")
    parser.add_argument("--private", action="store_true", help="make a new Space private")
    parser.add_argument("--endpoint", help="another Hub than huggingface.co")
    arguments = parser.parse_args()
    if arguments.dry_run:
        paths = files()
        for path in paths:
            size = (ROOT / path).stat().st_size
            print(f"{size:>12,}  {'large file' if size > MOST_IN_GIT else 'git':10}  {path}")
        print(f"{sum((ROOT / path).stat().st_size for path in paths):>12,}  in {len(paths)} files")
        return
    if get_token() is None:
        sys.exit("Log in first: `hf auth login`, or set HF_TOKEN to a token that may write.")
    try:
        print(push(arguments.space, endpoint=arguments.endpoint, private=arguments.private))
    except HfHubHTTPError as error:
        sys.exit(f"The Hub refused: {error}")


if __name__ == "__main__":
    main()
