"""Models by name: found on the disk, else downloaded whole and checked, else named what is wrong."""

from __future__ import annotations

import dataclasses
import errno
import io
import shutil
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from asr.errors import (
    AsrError,
    BundleInvalid,
    DiskFull,
    DownloadBroken,
    EngineMissing,
    HubFileMissing,
    HubRefused,
    HubUnreachable,
    ModelFileMissing,
    ModelInvalid,
    ModelNameUnknown,
)
from asr.hub import DownloadProgress, Source, card_of, default_cache, fetch, locate, pack, registry, unpack, verify
from asr.hub.__main__ import commands
from asr.hub.cache import MANIFEST
from asr.hub.huggingface import HuggingFace
from asr.hub.modelscope import ModelScope
from asr.hub.source import by_reach, open_sources
from tests.model_hub import ModelHub, serving

NAME = "paraformer-zh"
ID = registry()[NAME].id
WEIGHTS = bytes(range(256)) * 2000
FILES = {
    "config.yaml": b"model: Paraformer\n",
    "tokens.json": b'["<blank>"]',
    "am.mvn": b"<Nnet>",
    "model.onnx": b"the larger one",
    "model_quant.onnx": WEIGHTS,
    "model.pt": b"torch",
    "README.md": b"# read me",
    "fig/struct.png": b"png",
    "lang/zh.txt": b"more",
}


@pytest.fixture
def server() -> Iterator[ModelHub]:
    with serving({ID: dict(FILES)}) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # What a person has on this machine must not be found in a test's place.
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    monkeypatch.setenv("TINGSHUO_MODEL_CACHE", str(tmp_path / "cache"))
    return default_cache()


def hub(server: ModelHub) -> Source:
    return ModelScope(server.url)


Kind = type[ModelScope] | type[HuggingFace]
KINDS = (ModelScope, HuggingFace)


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_brings_what_recognition_needs_and_nothing_else(server: ModelHub, cache: Path, kind: Kind) -> None:
    seen: list[DownloadProgress] = []
    folder = fetch(NAME, cache, sources=[kind(server.url)], report=seen.append)

    assert folder == cache / ID / "master"
    assert files_of(folder) == {"config.yaml", "tokens.json", "am.mvn", "model_quant.onnx", "lang/zh.txt", MANIFEST}
    assert (folder / "model_quant.onnx").read_bytes() == WEIGHTS
    assert verify(folder) == []
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].total == sum(len(FILES[name]) for name in files_of(folder) - {MANIFEST})


def test_a_model_on_the_disk_never_asks_the_hub(server: ModelHub, cache: Path, tmp_path: Path) -> None:
    fetch(NAME, cache, sources=[hub(server)])
    server.requests.clear()
    own = tmp_path / "own"
    own.mkdir()
    modelscopes = tmp_path / "modelscope" / "hub" / "models" / registry()["ct-punc"].id
    modelscopes.mkdir(parents=True)
    for name in ("config.yaml", "tokens.json", "model_quant.onnx"):
        (modelscopes / name).touch()

    assert fetch(NAME, cache, sources=[hub(server)]) == cache / ID / "master"
    assert fetch(ID, cache, sources=[hub(server)]) == cache / ID / "master"
    assert fetch(str(own), cache, sources=[hub(server)]) == own
    assert fetch("ct-punc", cache, sources=[hub(server)]) == modelscopes
    assert (fetch("embedded", cache, sources=[hub(server)]) / "config.yaml").is_file()
    assert server.requests == []


def test_a_broken_connection_is_taken_up_where_it_broke(server: ModelHub, cache: Path) -> None:
    server.break_after = [5, 10_000_000, 10_000_000, 10_000_000, 100_000, 200_000]
    folder = fetch(NAME, cache, sources=[hub(server)])
    assert (folder / "model_quant.onnx").read_bytes() == WEIGHTS
    assert server.downloads("config.yaml") == ["", "bytes=5-"]
    assert server.downloads("model_quant.onnx") == ["", "bytes=100000-", "bytes=300000-"]


def test_a_connection_that_hangs_is_given_up_and_taken_up_again(
    server: ModelHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelscope_hub._legacy_api.DOWNLOAD_TIMEOUT", 0.3)
    server.stall_after = [3]
    folder = fetch(NAME, cache, sources=[hub(server)])
    assert server.downloads("config.yaml") == ["", "bytes=3-"]
    assert verify(folder) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_that_was_given_up_goes_on_the_next_time(server: ModelHub, cache: Path, kind: Kind) -> None:
    class LeftError(Exception):
        pass

    def leave(progress: DownloadProgress) -> None:
        if progress.file == "model_quant.onnx" and progress.done > 400_000:
            raise LeftError

    with pytest.raises(LeftError):
        fetch(NAME, cache, sources=[kind(server.url)], report=leave)
    assert locate(NAME, cache) is None

    fetch(NAME, cache, sources=[kind(server.url)])
    assert server.downloads("config.yaml") == [""]
    if kind is ModelScope:  # the other client writes ten megabytes at a time, and this file is smaller
        assert server.downloads("model_quant.onnx")[1].startswith("bytes=")


def test_a_server_without_ranges_and_one_that_redirects_work_too(server: ModelHub, cache: Path) -> None:
    server.ignores_ranges = server.redirects = True
    server.break_after = [5]
    seen: list[DownloadProgress] = []
    folder = fetch(NAME, cache, sources=[hub(server)], report=seen.append)
    assert (folder / "config.yaml").read_bytes() == FILES["config.yaml"]
    assert seen[-1].done == seen[-1].total


def test_the_next_hub_is_asked_where_the_first_has_nothing(server: ModelHub, cache: Path) -> None:
    with serving({}) as empty:
        folder = fetch(NAME, cache, sources=[ModelScope(empty.url), HuggingFace(server.url)])
        assert empty.requests
    assert verify(folder) == []
    with pytest.raises(HubFileMissing, match="tells"), serving({}) as one, serving({}) as other:
        fetch("tells/nothing", cache, sources=[ModelScope(one.url), HuggingFace(other.url)])


def test_the_hub_that_answers_sooner_is_asked_first(server: ModelHub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    silent, near = ModelScope(f"http://127.0.0.1:{port}"), HuggingFace(server.url)
    assert by_reach([silent, near]) == [near, silent]


def test_the_order_of_hubs_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [type(source) for source in open_sources("huggingface, modelscope")] == [HuggingFace, ModelScope]
    monkeypatch.setenv("TINGSHUO_HUB_SOURCES", "huggingface")
    assert [type(source) for source in open_sources()] == [HuggingFace]
    assert [source.url for source in open_sources("auto", "http://127.0.0.1:9/")] == ["http://127.0.0.1:9"]
    with pytest.raises(HubRefused):
        open_sources("elsewhere")


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_writes_nothing_to_the_terminal(
    server: ModelHub, cache: Path, kind: Kind, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(NAME, cache, sources=[kind(server.url)])
    assert capfd.readouterr() == ("", "")


def test_a_busy_hub_is_asked_again(server: ModelHub, cache: Path) -> None:
    server.statuses = [503, 429]
    assert fetch(NAME, cache, sources=[hub(server)]).is_dir()


@pytest.mark.parametrize("kind", KINDS)
def test_broken_bytes_are_fetched_once_more_then_named(
    server: ModelHub, cache: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_INTEGRITY_RETRY_BACKOFF", 0.01)
    server.wrong_sums = {"tokens.json"}
    with pytest.raises(DownloadBroken) as caught:
        fetch(NAME, cache, sources=[kind(server.url)])
    assert caught.value.details["file"] == "tokens.json"
    assert len(server.downloads("tokens.json")) >= 2
    assert locate(NAME, cache) is None
    server.wrong_sums.clear()
    assert fetch(NAME, cache, sources=[kind(server.url)]).is_dir()


def test_a_leftover_that_is_longer_than_the_file_is_thrown_away(server: ModelHub, cache: Path) -> None:
    unfinished = cache / ID / ".master.part"
    unfinished.mkdir(parents=True)
    (unfinished / "am.mvn").write_bytes(b"of another time, and longer")
    assert (fetch(NAME, cache, sources=[hub(server)]) / "am.mvn").read_bytes() == FILES["am.mvn"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_stays_broken_is_named(
    server: ModelHub, cache: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_RETRY_TIMES", 1)
    server.break_after = [0] * 50
    with pytest.raises(HubUnreachable):
        fetch(NAME, cache, sources=[kind(server.url)])


def test_a_refused_connection_is_named_with_what_to_do(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HubUnreachable, match="embedded"):
        fetch(NAME, cache, sources=[ModelScope(f"http://127.0.0.1:{port}")])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"models": {}}, HubFileMissing),
        ({"statuses": [403] * 9}, HubRefused),
        ({"listing": ["no", "hub"]}, HubRefused),
        ({"listing": {"Code": 200, "Data": {"Files": []}}}, HubFileMissing),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_hub_does_not_have_is_named(
    server: ModelHub, cache: Path, kind: Kind, change: dict[str, Any], error: type[AsrError]
) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    if kind is HuggingFace and "listing" in change:
        server.models = {ID: {}}
        error = HubFileMissing
    with pytest.raises(error):
        fetch(NAME, cache, sources=[kind(server.url)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_cannot_write_elsewhere(server: ModelHub, cache: Path, kind: Kind) -> None:
    for path in ("../evil", "/evil", "a/../../evil", "C:evil", "a\\evil"):
        server.models[ID][path] = b"evil"
    folder = fetch(NAME, cache, sources=[kind(server.url)])
    assert not list(folder.parents[3].rglob("*evil*"))


def test_a_full_disk_is_named_before_and_while_it_fills(
    server: ModelHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
        with pytest.raises(DiskFull, match="MB"):
            fetch(NAME, cache, sources=[hub(server)])

    def full(progress: DownloadProgress) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull):
        fetch(NAME, cache, sources=[hub(server)], report=full)


def test_weights_of_torch_are_exported_or_the_message_says_what_to_install(
    server: ModelHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaco = registry()["paraformer-zh-seaco"].id
    server.models[seaco] = {name: FILES[name] for name in ("config.yaml", "tokens.json", "am.mvn", "model.pt")}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "funasr", None)
        with pytest.raises(EngineMissing, match=r"requirements-torch\.txt"):
            fetch("paraformer-zh-seaco", cache, sources=[hub(server)])

    def export(folder: Path) -> tuple[Path, ...]:
        (folder / "model_quant.onnx").write_bytes(b"exported")
        return (folder / "model_quant.onnx",)

    monkeypatch.setattr("asr.hub.cache.export_onnx", export)
    folder = fetch("paraformer-zh-seaco", cache, sources=[hub(server)])
    assert server.downloads("model.pt") == [""]
    assert (folder / "model_quant.onnx").is_file()


def test_names_that_mean_nothing_are_named() -> None:
    for name in ("paraformer", "a/b/c", "../x", "a/..", ""):
        with pytest.raises(ModelNameUnknown):
            card_of(name)
    assert (card_of("me/mine@v2").id, card_of("me/mine@v2").revision) == ("me/mine", "v2")


def test_a_sum_in_the_registry_stands_above_the_hubs(
    server: ModelHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataclasses.replace(registry()[NAME], sha256={"am.mvn": "f" * 64})
    monkeypatch.setattr("asr.hub.cache.card_of", lambda name: card)
    with pytest.raises(DownloadBroken):
        fetch(NAME, cache, sources=[hub(server)])


def test_every_card_of_the_registry_is_complete() -> None:
    for name, card in registry().items():
        assert card.about, name
        assert card.needs, name
        assert (card.folder is None) == bool(card.id), name
    embedded = registry()["embedded"]
    assert embedded.folder is not None
    assert embedded.missing(embedded.folder) == ()


def test_verify_finds_what_has_changed(server: ModelHub, cache: Path, tmp_path: Path) -> None:
    folder = fetch(NAME, cache, sources=[hub(server)])
    (folder / "am.mvn").write_bytes(b"<Nxxx>")
    (folder / "tokens.json").write_bytes(b"[]")
    (folder / "config.yaml").unlink()
    assert len(verify(folder)) == 3
    with pytest.raises(ModelFileMissing):
        verify(tmp_path)
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(ModelInvalid):
        verify(folder)


def test_a_bundle_carries_a_model_to_a_machine_without_a_network(server: ModelHub, cache: Path, tmp_path: Path) -> None:
    folder = fetch(NAME, cache, sources=[hub(server)])
    bundle, elsewhere = tmp_path / "models.tar", tmp_path / "elsewhere"
    pack([NAME], bundle, cache)
    assert unpack(bundle, elsewhere) == [elsewhere / ID / "master"]
    assert locate(NAME, elsewhere) == elsewhere / ID / "master"
    assert files_of(elsewhere) == {f"{ID}/master/{name}" for name in files_of(folder)}
    assert unpack(bundle, elsewhere) == [elsewhere / ID / "master"]  # once more changes nothing
    with pytest.raises(BundleInvalid):
        pack(["ct-punc"], bundle, cache)
    (folder / "am.mvn").unlink()
    with pytest.raises(BundleInvalid):
        pack([NAME], bundle, cache)


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "info",
    [
        member("../evil"),
        member("/tmp/evil"),
        member("a/../../evil"),
        member("evil", tarfile.SYMTYPE, "/etc/passwd"),
        member("evil", tarfile.LNKTYPE, "../evil"),
        member("evil", tarfile.FIFOTYPE),
    ],
)
def test_a_bundle_writes_nothing_elsewhere_and_follows_no_link(tmp_path: Path, info: tarfile.TarInfo) -> None:
    with pytest.raises(BundleInvalid):
        unpack(archive(tmp_path / "bad.tar", (info, b"evil")), tmp_path / "cache")
    assert files_of(tmp_path) == {"bad.tar"}


def test_a_bundle_that_is_damaged_or_none_is_named(
    server: ModelHub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch(NAME, cache, sources=[hub(server)])
    manifest = (folder / MANIFEST).read_bytes()
    bad = [
        archive(tmp_path / "changed.tar", (member("a/b/m/.tingshuo.json"), manifest), (member("a/b/m/am.mvn"), b"x")),
        archive(tmp_path / "list.tar", (member("a/b/m/.tingshuo.json"), b"[]")),
        archive(tmp_path / "empty.tar"),
        tmp_path / "none.tar",
    ]
    bad[-1].write_bytes(b"no archive")
    for path in bad:
        with pytest.raises(BundleInvalid):
            unpack(path, tmp_path / "elsewhere")
    monkeypatch.setattr("asr.hub.bundle.MAX_BYTES", 10)
    with pytest.raises(BundleInvalid, match="more than"):
        unpack(archive(tmp_path / "bomb.tar", (member("a/bomb"), bytes(100))), tmp_path / "elsewhere")
    assert files_of(tmp_path / "elsewhere") == set()


def test_the_commands_do_it_in_a_terminal(server: ModelHub, cache: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(commands, list(arguments))
        return result.exit_code, result.output

    assert "paraformer-zh " in run("list")[1]
    assert run("where", NAME)[0] == 1
    status, output = run("download", NAME, "--url", server.url)
    assert (status, str(cache / ID / "master") in output) == (0, True)
    assert run("where", NAME) == (0, f"{cache / ID / 'master'}\n")
    assert run("verify", NAME) == (0, f"{NAME}: whole\n")
    bundle = str(tmp_path / "models.tar")
    assert run("pack", NAME, "-o", bundle)[0] == 0
    assert run("unpack", bundle, "--cache", str(tmp_path / "other"))[0] == 0
    (cache / ID / "master" / "am.mvn").write_bytes(b"")
    assert run("verify", NAME, "ct-punc")[0] == 1
    status, output = run("where", "nonsense")
    assert (status, output.startswith("model_name_unknown: ")) == (1, True)
