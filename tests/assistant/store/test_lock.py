from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import WriterBusyError
from assistant.store import lock as lock_module
from assistant.store.lock import ProcessLock

HOLD = """
import sys
from pathlib import Path
from assistant.store import lock as lock_module
from assistant.store.lock import ProcessLock
with ProcessLock(Path(sys.argv[1]), wait_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_held_twice_is_refused_naming_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "writer.lock"
    busy = pytest.raises(WriterBusyError, match=r"process \d+ \(.+\) is writing")
    with ProcessLock(path, wait_s=0), busy, ProcessLock(path, wait_s=0.15):
        pass


def test_lock_of_ended_holder_can_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "writer.lock"
    for _ in range(2):
        with ProcessLock(path, wait_s=0):
            pass


def test_lock_of_killed_process_is_freed(tmp_path: Path) -> None:
    path = tmp_path / "writer.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WriterBusyError, match=f"process {holder.pid}"):
            ProcessLock(path, wait_s=0).__enter__()
        holder.kill()
        holder.wait()
    with ProcessLock(path, wait_s=0):
        pass


def test_is_held_tells_of_a_holder_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "server.lock"
    assert not ProcessLock.is_held(path)
    assert not path.exists()
    with ProcessLock(path, wait_s=0):
        assert ProcessLock.is_held(path)
        assert ProcessLock.is_held(path)
    assert path.exists()
    assert not ProcessLock.is_held(path)
    assert not ProcessLock.is_held(path / "below a file")


def test_is_held_leaves_the_lock_to_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "server.lock"
    with ProcessLock(path, wait_s=0):
        pass
    assert not ProcessLock.is_held(path)
    with ProcessLock(path, wait_s=0):
        pass


def test_lock_is_not_refused_for_somebody_who_only_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "server.lock"
    path.touch()
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        # The look is over while the lock is waited for.
        monkeypatch.setattr(
            lock_module.time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN)
        )
        with ProcessLock(path, wait_s=0):
            assert ProcessLock.is_held(path)
