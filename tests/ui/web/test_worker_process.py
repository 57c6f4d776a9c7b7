from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from models import backoff
from ui.web import worker_process
from ui.web.worker_process import WorkerProcess

WAIT_S = 30
UNTIL_CLOSED = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_process, "CLOSE_S", 0.5)


def until(condition) -> None:  # type: ignore[no-untyped-def]
    waiting = threading.Event()
    for _ in range(WAIT_S * 20):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not come to be so")


def test_worker_lives_until_closed(impatient: None) -> None:
    worker = WorkerProcess(UNTIL_CLOSED)
    worker.start()
    until(worker.is_alive)
    worker.close()
    assert not worker.is_alive()


def test_worker_that_was_killed_comes_back(impatient: None) -> None:
    worker = WorkerProcess(UNTIL_CLOSED)
    worker.start()
    until(worker.is_alive)
    first = worker._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: worker._process is not first and worker.is_alive())
    worker.close()


def test_worker_that_does_not_end_is_killed(impatient: None) -> None:
    script = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); signal.pause()"
    worker = WorkerProcess([sys.executable, "-c", script])
    worker.start()
    until(worker.is_alive)
    worker.close()
    assert not worker.is_alive()


def test_worker_that_was_never_started_can_be_closed() -> None:
    worker = WorkerProcess(UNTIL_CLOSED)
    worker.close()
    assert not worker.is_alive()
