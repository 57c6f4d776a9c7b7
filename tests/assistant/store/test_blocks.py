from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assistant.store import blocks
from assistant.store.blocks import KeptBlocks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for content in ("1", "2"):
        (tmp_path / content).mkdir()
        (tmp_path / content / "7-ab.kv").write_bytes(b"numbers")
    return tmp_path


def test_remove_except_removes_other_contents_and_stray_files(folder: Path) -> None:
    (folder / "stray").write_bytes(b"?")
    KeptBlocks(folder).remove_except([2])
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_remove_except_copes_with_what_is_written_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmtree, calls = shutil.rmtree, []

    def late(path: Path) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise OSError("directory not empty")
        rmtree(path)

    monkeypatch.setattr(blocks.shutil, "rmtree", late)
    KeptBlocks(folder).remove_except([2])
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_remove_except_says_what_cannot_be_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(blocks.shutil, "rmtree", refuse)
    with pytest.raises(PermissionError):
        KeptBlocks(folder).remove_except([2])
