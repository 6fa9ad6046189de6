"""The files of the page: its scripts and styles as they were bundled, or as they were written where those are newer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets"
BUILD = ASSETS / "build"
SOURCES = ("css/*.css", "icons/*.svg", "js/*.js", "js/*/*.js")


@dataclass(frozen=True)
class PageFiles:
    """Addresses of the page's script and style, relative to the root of the app."""

    script: str
    style: str

    @classmethod
    def find(cls) -> PageFiles:
        """Return the bundle that scripts/build-page made, if it was made of the sources that are here."""
        manifest = BUILD / "manifest.json"
        built = json.loads(manifest.read_bytes()) if manifest.is_file() else {}
        if built.get("sources") == digest():
            return cls(f"ui/build/{built['script']}", f"ui/build/{built['style']}")
        return cls("ui/js/main.js", "ui/css/app.css")

    def fill(self, name: str) -> str:
        """Return the file `name` of the assets with the addresses, and other files, in the place of their names."""
        text = (ASSETS / name).read_text(encoding="utf-8")
        for key, value in (("{script}", self.script), ("{style}", self.style)):
            text = text.replace(key, value)
        for key, part in (("{head}", "html/head.html"), ("{chat}", "html/chat.html")):
            if key in text:
                text = text.replace(key, self.fill(part).strip())
        return text


def digest() -> str:
    """Return a hash of the sources that a bundle is made of."""
    sources = sorted(path for pattern in SOURCES for path in ASSETS.glob(pattern))
    names = hashlib.sha256()
    for path in sources:
        names.update(f"{path.relative_to(ASSETS).as_posix()}\0".encode())
        names.update(hashlib.sha256(path.read_bytes()).digest())
    return names.hexdigest()
