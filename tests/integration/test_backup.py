"""A backup holds all, and comes back as it was or not at all."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import commands
from app.errors import BackupInvalid, DataPresent, StoreUnavailable
from app.storage.backup import back_up, restore
from app.storage.recordings import open_recordings
from app.storage.store import Store
from bot import DialogueState, Reply

GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "data")


def test_what_was_backed_up_while_the_app_ran_comes_back(store: Store, tmp_path: Path) -> None:
    conversation, _ = store.start_conversation("anna", GREETING)
    said = store.add_spoken(conversation, io.BytesIO(b"RIFF and so on"))
    archive = tmp_path / "backup.tar"
    environment = {"TINGSHUO_DATA_DIR": str(tmp_path / "data")}
    assert CliRunner().invoke(commands, ["backup", str(archive)], env=environment).exit_code == 0
    assert archive.stat().st_mode & 0o077 == 0
    environment = {"TINGSHUO_DATA_DIR": str(tmp_path / "other")}
    result = CliRunner().invoke(commands, ["restore", str(archive)], env=environment)
    assert result.output == "1 recordings are back\n"
    other = Store.open(tmp_path / "other")
    assert other.messages("anna", conversation) == store.messages("anna", conversation)
    assert other.recording(said).read() == b"RIFF and so on"
    assert sorted(path.name for path in (tmp_path / "other").iterdir() if "db-" not in path.name) == [
        "audio", "language", "tingshuo.db",
    ]  # fmt: skip


def test_published_language_models_and_check_sets_come_back_and_drafts_do_not(store: Store, tmp_path: Path) -> None:
    kept = {"versions/0123-ab.npz": b"model", "check_sets/abc/000.wav": b"RIFF", "check_sets/abc/manifest.jsonl": b"{}"}
    left = {"versions/.12.part": b"half", "check_sets/def.part/000.wav": b"half", "jobs/ghi/source0.txt": b"now"}
    for name, content in (kept | left).items():
        path = tmp_path / "data" / "language" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    back_up(tmp_path / "data", store.recordings, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "other")
    language = tmp_path / "other" / "language"
    found = {str(path.relative_to(language)): path.read_bytes() for path in language.rglob("*") if path.is_file()}
    assert found == kept
    with pytest.raises(DataPresent):
        restore(tmp_path / "backup.tar", tmp_path / "other")


def test_nothing_is_written_over(store: Store, tmp_path: Path) -> None:
    back_up(tmp_path / "data", store.recordings, tmp_path / "backup.tar")
    with pytest.raises(DataPresent):
        restore(tmp_path / "backup.tar", tmp_path / "data")


def _cut(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:20_000])


def _damage_database(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    archive.write_bytes(content)


def _escape(archive: Path) -> None:
    with tarfile.open(archive, "a") as opened:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        opened.addfile(member, io.BytesIO(b"x"))


def _add_a_stranger(archive: Path) -> None:
    with tarfile.open(archive, "a") as opened:
        opened.addfile(tarfile.TarInfo("stranger"))


def _link(archive: Path) -> None:
    with tarfile.open(archive, "a") as opened:
        member = tarfile.TarInfo("audio/passwd")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(member)


@pytest.mark.parametrize("harm", [_cut, _damage_database, _escape, _add_a_stranger, _link])
def test_an_archive_that_was_tampered_with_changes_nothing(store: Store, tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    for _ in range(20):
        store.start_conversation("anna", GREETING)
    archive = tmp_path / "backup.tar"
    back_up(tmp_path / "data", store.recordings, archive)
    harm(archive)
    with pytest.raises(BackupInvalid):
        restore(archive, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no database"):
        back_up(tmp_path, open_recordings(tmp_path), tmp_path / "backup.tar")
    assert not list(tmp_path.glob("backup*"))
