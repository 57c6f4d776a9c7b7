"""The process that ingests, kept alive for as long as the server runs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from models.backoff import Backoff

_LOG = logging.getLogger(__name__)
CLOSE_S = 20.0
"""What it may take to publish what is complete before it is killed."""
POLL_S = 0.2


class WorkerProcess:
    """Runs a command as a child, again and again, with growing pauses, until closed.

    The child reads this process's end of a pipe: however this process dies, the child notices.

    Args:
        command: What to run; it must end when its standard input closes.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor = threading.Thread(target=self._supervise, name="worker-process")

    def start(self) -> None:
        """Start it."""
        self._supervisor.start()

    def is_alive(self) -> bool:
        """Tell whether the child runs now."""
        process = self._process
        return process is not None and process.poll() is None

    def close(self) -> None:
        """End it: it publishes what is complete, or is killed if that takes too long.

        Harmless if it was never started.
        """
        self._closing.set()
        if self._supervisor.ident is not None:
            self._supervisor.join()

    def _supervise(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            started_s = time.monotonic()
            self._process = process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
            while process.poll() is None and not self._closing.wait(POLL_S):
                pass
            if self._closing.is_set():
                _end(process)
                return
            pause_s = backoff.died(started_s=started_s, ended_s=time.monotonic())
            _LOG.error(
                "the ingest process ended with code %d; it starts again in %g s",
                process.returncode,
                pause_s,
            )
            if process.stdin:
                process.stdin.close()
            self._closing.wait(pause_s)


def worker_command(data_dir: Path) -> list[str]:
    """Return the command of the process that works off the queue of a data dir."""
    return [sys.executable, "-P", "-m", "ui.cli.main", "work", "--data-dir", str(data_dir)]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(CLOSE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
