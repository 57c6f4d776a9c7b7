"""System calls of a process, seen and tampered with from outside by strace."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CHANGING = (
    "openat",
    "write",
    "pwrite64",
    "writev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
)
"""What changes files, or makes changes last."""
WRITING = ("write", "pwrite64", "writev", "ftruncate", "fallocate", "mkdir", "rename")
"""What a full disk refuses; opening a file it does only where that makes one, which strace cannot
tell from others."""
READING = ("read", "pread64", "getdents64", "newfstatat", "fstat", "mmap", "lseek", "fcntl")
"""What may fail as well on a bad disk."""
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)$")


class Fault(StrEnum):
    """What happens to a process at a system call."""

    KILL = "signal=KILL"
    """It ends before the call."""
    IO_ERROR = "error=EIO"
    """The call fails, once."""
    DISK_FULL = "error=ENOSPC"
    """The call fails, and so does every later one of its name."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The n-th call of a name by one thread, 1 for the first."""

    name: str
    n: int
    text: str = ""
    """As it was seen, for people."""


def points(trace: Path, folder: Path) -> Iterator[Point]:
    """Yield the calls of a trace that touch a folder, in order.

    Args:
        trace: What strace wrote.
        folder: The folder.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:  # a signal, an exit, the end of an interrupted call
            continue
        key = match["pid"], match["name"]
        counts[key] += 1
        if str(folder) in match["arguments"]:
            yield Point(match["name"], counts[key], match["arguments"][:200])


def was_injected(trace: Path) -> bool:
    """Tell whether a call of a trace was refused."""
    return "(INJECTED)" in trace.read_text(encoding="utf-8", errors="replace")


@contextmanager
def traced(pid: int, output: Path, *tampering: str) -> Iterator[None]:
    """Trace a process, with its threads and children, until it ends.

    Args:
        pid: Of a process that waits for us.
        output: Where the calls are written.
        tampering: Further options of strace.
    """
    read_end, write_end = os.pipe()
    command = ["strace", "-f", "-y", "-s", "0", "-p", str(pid), "-o", str(output), *tampering]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write_end, text=True
    ) as strace:
        os.close(write_end)
        with os.fdopen(read_end, encoding="utf-8", errors="replace") as said:
            first = said.readline()
            if "attached" not in first:
                raise RuntimeError(f"strace cannot trace processes here: {first.strip()}")
            yield
            for _ in said:
                pass
        strace.wait()


def names(calls: tuple[str, ...]) -> str:
    """Return the option that has only these calls traced."""
    return f"trace={','.join(calls)}"


def injection(point: Point, fault: Fault) -> tuple[str, ...]:
    """Return the options that have a fault strike at a point."""
    when = f"{point.n}+" if fault is Fault.DISK_FULL else str(point.n)
    return ("-e", f"trace={point.name}", "-e", f"inject={point.name}:{fault.value}:when={when}")
