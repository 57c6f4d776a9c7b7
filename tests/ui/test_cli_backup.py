from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import StoreError
from assistant.store.audit import AuditLog
from assistant.store.lock import ProcessLock
from tests.ui.conftest import Plinth
from ui.cli import bytes_progress


@pytest.fixture
def backup(asking: Plinth, tmp_path: Path) -> Path:
    """A backup of the three documents."""
    file = tmp_path / "plinth.tar"
    assert asking("backup", file).exit_code == 0
    return file


def test_backup_says_what_it_holds_and_restore_answers_again(
    asking: Plinth, tmp_path: Path
) -> None:
    file, new = tmp_path / "plinth.tar", tmp_path / "restored"
    done = asking("backup", file)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{file}: 3 documents, 0.")
    assert done.stderr == ""
    before = asking("search", "hotel limit", "--json").stdout
    listed = asking("docs", "list", "--json").stdout
    done = asking("restore", file, "--data-dir", new)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{new}: 3 documents, 3 chunks, 3 originals as of 20")
    assert "0 sessions ended" in done.stdout
    assert asking("search", "hotel limit", "--json", "--data-dir", new).stdout == before
    assert asking("docs", "list", "--json", "--data-dir", new).stdout == listed
    assert asking("doctor", "--data-dir", new).exit_code == 0


def test_backup_and_restore_as_json(asking: Plinth, tmp_path: Path) -> None:
    file, new = tmp_path / "plinth.tar", tmp_path / "restored"
    made = json.loads(asking("backup", file, "--json").stdout)
    assert made == {
        "backup": str(file),
        "bytes": file.stat().st_size,
        "documents": 3,
        "originals": 3,
        "waiting": 0,
        "missing": [],
        "changed": [],
    }
    facts = json.loads(asking("restore", file, "--verify", "--json").stdout)
    assert facts.keys() == {"backup", "bytes", "files", "created_at", "plinth", "schema"}
    restored = json.loads(asking("restore", file, "--data-dir", new, "--json").stdout)
    assert restored == facts | {
        "data_dir": str(new),
        "documents": 3,
        "chunks": 3,
        "originals": 3,
        "missing": 0,
        "sessions_ended": 0,
    }


def test_backup_while_a_writer_and_a_server_run(
    asking: Plinth, data_dir: Path, tmp_path: Path
) -> None:
    with (
        ProcessLock(data_dir / "writer.lock", wait_s=0),
        ProcessLock(data_dir / "server.lock", wait_s=0),
    ):
        assert asking("backup", tmp_path / "plinth.tar").exit_code == 0


def test_verify_checks_a_backup_and_restores_nothing(
    asking: Plinth, backup: Path, tmp_path: Path
) -> None:
    new = tmp_path / "restored"
    done = asking("restore", backup, "--verify", "--data-dir", new)
    assert done.exit_code == 0
    assert "is whole: made at 20" in done.stdout
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    for options in (["--verify"], ["--data-dir", new]):
        done = asking("restore", backup, *options)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("error: the backup ")
        assert "use another copy or an earlier one" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not new.exists()


def test_restore_over_a_data_dir_is_refused(asking: Plinth, backup: Path, data_dir: Path) -> None:
    before = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    done = asking("restore", backup)
    assert done.exit_code == 1
    assert "is not empty" in done.stderr
    assert before == {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}


def test_backup_over_a_file_is_refused(asking: Plinth, backup: Path) -> None:
    before = backup.read_bytes()
    done = asking("backup", backup)
    assert done.exit_code == 1
    assert "exists already" in done.stderr
    assert backup.read_bytes() == before


def test_backup_of_damaged_originals_warns_and_restore_repeats_it(
    asking: Plinth, data_dir: Path, tmp_path: Path
) -> None:
    gone, changed, _ = sorted((data_dir / "originals").rglob("??/*"))
    gone.unlink()
    changed.write_text("changed", encoding="utf-8")
    done = asking("backup", tmp_path / "plinth.tar")
    assert done.exit_code == 0
    assert "(1 missing, 1 changed)" in done.stderr
    done = asking("restore", tmp_path / "plinth.tar", "--data-dir", tmp_path / "restored")
    assert done.exit_code == 0
    assert "1 originals were missing already" in done.stderr


def test_backup_that_cannot_be_recorded_warns(
    asking: Plinth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(AuditLog, "note", full)
    done = asking("backup", tmp_path / "plinth.tar")
    assert done.exit_code == 0
    assert "audit log does not say" in done.stderr


INTERRUPTED = """
import os, signal, sys
from assistant.store.archive import ArchiveWriter

def interrupted(*_):
    os.kill(os.getpid(), signal.SIGINT)

ArchiveWriter.end = interrupted
from assistant.store import restore
restore._require_sound = interrupted
from ui.cli.main import main
main()
"""


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_ctrl_c_exits_with_130_and_leaves_nothing(
    backup: Path, data_dir: Path, tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    arguments = {
        "backup": ["backup", str(folder / "other.tar")],
        "restore": ["restore", str(backup), "--data-dir", str(folder / "restored")],
    }
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *arguments[command]],
        env={**os.environ, "PLINTH_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


def test_progress_says_at_times_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(bytes_progress.time, "monotonic", lambda: now)
    with bytes_progress.show_bytes("backing up") as show:
        for now in (101.0, 102.5, 103.0, 113.0):
            show(int((now - 100) * 1e6), 40_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "backing up: 2 of 40 MB, about 38 s left",
        "backing up: 13 of 40 MB, about 27 s left",
    ]


def test_progress_on_a_terminal_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with bytes_progress.show_bytes("backing up") as show:
        show(5, 10)
    assert "to go" not in capsys.readouterr().err
