"""One process at a time: one writer on a data dir, one server."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.errors import WriterBusyError

POLL_S = 0.1
GLANCE_S = 0.02
"""Longer than `is_held` keeps the lock that it takes to see."""


class ProcessLock:
    """Held from `with` to its end; the kernel frees it when the process dies, however it dies.

    Args:
        path: The lock file; it stays, its content names the last holder.
        wait_s: How long to wait for another holder, 0: not at all.
        refusal: What another holder is doing, and what to do about it.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait_s: float,
        refusal: str = "is writing to it; wait until it is done or stop it",
    ) -> None:
        self._path = path
        self._wait_s = wait_s
        self._refusal = refusal
        self._fd = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            WriterBusyError: another process held it all the time.
        """
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + max(self._wait_s, GLANCE_S)
        while not self._try_lock():
            if time.monotonic() >= deadline:
                holder = os.pread(self._fd, 1000, 0).decode("utf-8", "replace").strip()
                os.close(self._fd)
                message = (
                    f"cannot write to {str(self._path.parent)!r}: "
                    f"{holder or 'another process'} {self._refusal}"
                )
                raise WriterBusyError(message)
            time.sleep(POLL_S if self._wait_s else GLANCE_S)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"process {os.getpid()} ({_command()})".encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Unlocked, not only closed: forked children may still hold the descriptor.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    @staticmethod
    def is_held(path: Path) -> bool:
        """Tell whether a process holds a lock now; none is made."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)  # and with it the lock that was taken to see
        return False

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _command() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return " ".join([program, *sys.argv[1:]])[:200]
