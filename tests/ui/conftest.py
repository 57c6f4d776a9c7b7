from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ui.cli.main import main


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    exit_code: int
    stdout: str
    stderr: str


Plinth = Callable[..., Finished]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data dir whose settings name the stand-in models."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plinth.toml").write_text(
        '[models]\ngenerator = "fake-generator"\nembedder = "fake-embedder"\n'
        "[answer]\nmin_confidence = 0.0\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def plinth(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Plinth:
    """Return a function that runs the command in this process, as `plinth ARGS…` would."""

    def run(*args: str | Path) -> Finished:
        words = [str(arg) for arg in args]
        monkeypatch.setattr(os, "nice", lambda _: None)  # this process goes on
        monkeypatch.setattr(sys, "argv", ["plinth", *words])
        monkeypatch.setenv("PLINTH_DATA_DIR", str(data_dir))
        capsys.readouterr()
        umask = os.umask(0o022)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        finally:
            os.umask(umask)
        output = capsys.readouterr()
        return Finished(code, output.out, output.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents on different topics."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "leave.md").write_text(
        "# Leave\n\nEmployees receive 25 days of annual leave. Unused leave expires in March.\n",
        encoding="utf-8",
    )
    (folder / "travel.md").write_text(
        "# Travel\n\nThe hotel limit is 120 euros a night. Trains are booked in second class.\n",
        encoding="utf-8",
    )
    (folder / "parking.txt").write_text(
        "Parking\n\nParking is free for visitors. Bikes go to the cellar.\n", encoding="utf-8"
    )
    return folder


@pytest.fixture
def asking(plinth: Plinth, folder: Path) -> Plinth:
    """Return the command on a data dir that holds the three documents."""
    assert plinth("ingest", folder).exit_code == 0
    return plinth
