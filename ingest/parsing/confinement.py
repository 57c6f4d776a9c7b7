"""What a process that reads untrusted files gives up, for good, before it reads the first.

Three layers, each there where the kernel has it:

* Landlock: no file can be opened but those of the interpreter, its packages and the system's
  libraries, for reading; no TCP port; nothing outside is sent a signal.
* A filter of system calls: no sockets, no other programs, no processes, no writing, no change of
  what Landlock does not watch (modes, owners, times, mounts), no raising of its own limits.
* Resource limits: no core dump, not a byte into a file, few descriptors.

The input comes as a descriptor that the parent has opened, so that no folder with documents needs
to be readable at all. Limits of memory and processor time are set apart, see `limit_memory` and
`limit_cpu`.

`python -m ingest.parsing.confinement` confines itself and prints as JSON what holds.

Sources:
    Linux kernel documentation: userspace-api/landlock (rights and what each ABI version added),
    userspace-api/seccomp_filter; landlock(7), seccomp(2), setrlimit(2), clock_getcpuclockid(3).
"""

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.parsing.system_call_filter import install_filter

_PACKAGES_DIR = Path(__file__).resolve().parents[2]
_PACKAGES = ("models", "assistant", "ingest")
_SYSTEM_FOLDERS = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo",
    # PDFium draws text whose font is not in the file with one of these.
    "/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts",
    # What Tesseract knows of languages.
    "/usr/share/tesseract-ocr", "/usr/share/tessdata", "/usr/local/share/tessdata",
)  # fmt: skip
_SYSTEM_FILES = (
    "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/dev/null", "/dev/urandom",
)  # fmt: skip
_MAX_DESCRIPTORS = 64

_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Rights over files that a ruleset can take away, by the first ABI version that knows them.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NETWORK_ABI, _BIND_AND_CONNECT_TCP = 4, 3
_SCOPE_ABI, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What holds of a process that confined itself."""

    landlock_abi: int
    """Version of Landlock in use; 0: the kernel has none, and any file can be read or written
    that this user may read."""
    has_filter: bool
    """System calls are filtered; False: the kernel or the processor's kind has no filter."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """What the kernel does not hold, in words; empty if all holds."""
        gaps = []
        if not self.landlock_abi:
            gaps.append("files other than the input can be read (no Landlock)")
        if not self.has_filter:
            gaps.append("sockets and other programs can be opened (no filter)")
        return tuple(gaps)


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def confine() -> Confinement:
    """Give up what a reader of untrusted files does not need; there is no way back.

    What is open stays open. To be called while there is one thread: others would keep what they
    have.

    Raises:
        RuntimeError: there are more threads.
        OSError: the kernel offers a layer and refuses to apply it.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a process is confined before it starts threads; move the call up")
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),  # a dump would hold the document
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
    ):
        # Processes are not counted: RLIMIT_NPROC counts those of the user, the parent's included.
        resource.setrlimit(kind, (limit, limit))
    # Both layers want it: nothing that is run later could gain rights that were given up.
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    abi = _restrict_files(libc)
    return Confinement(landlock_abi=abi, has_filter=install_filter(libc))


def limit_memory(max_memory_bytes: int) -> None:
    """Let this process's address space grow by at most `max_memory_bytes` from here on."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + max_memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limit_cpu(pid: int, budget_s: float) -> None:
    """Let a process compute for `budget_s` more, rounded up to a second; then SIGXCPU ends it.

    A confined process cannot raise its limit: its parent gives it a new one for each file. For
    that the hard limit has to stay as it is. Who defies the signal has the wall clock to fear.

    Args:
        pid: Of a process of this user; 0: this one.
        budget_s: Processor time of all its threads together.

    Raises:
        OSError: there is no such process any more.
    """
    used_s = time.clock_gettime(_cpu_clock(pid))
    soft = math.ceil(used_s + budget_s)
    _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.prlimit(pid, resource.RLIMIT_CPU, (soft, hard))


def _cpu_clock(pid: int) -> int:
    """Return the clock of a process's processor time, as clock_getcpuclockid(3) makes it."""
    scheduler = 2
    return (~pid << 3) | scheduler


def _restrict_files(libc: ctypes.CDLL) -> int:
    """Return the ABI version of the Landlock that now holds; 0 if the kernel has none."""
    abi = int(
        libc.syscall(
            ctypes.c_long(_LANDLOCK_CREATE_RULESET),
            None,
            ctypes.c_size_t(0),
            ctypes.c_uint32(_CREATE_RULESET_VERSION),
        )
    )
    if abi < 1:
        # Not built in, not switched on, or kept from a container: all the same to us.
        return 0
    attributes = _RulesetAttributes(
        files=sum(rights for since, rights in _FILE_RIGHTS.items() if abi >= since),
        network=_BIND_AND_CONNECT_TCP if abi >= _NETWORK_ABI else 0,
        scoped=_ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _SCOPE_ABI else 0,
    )
    ruleset = _checked(
        libc.syscall(
            ctypes.c_long(_LANDLOCK_CREATE_RULESET),
            ctypes.byref(attributes),
            ctypes.c_size_t(ctypes.sizeof(attributes)),
            ctypes.c_uint32(0),
        )
    )
    try:
        for path in _readable():
            _allow_reading(libc, ruleset, path)
        _checked(
            libc.syscall(
                ctypes.c_long(_LANDLOCK_RESTRICT_SELF),
                ctypes.c_int(ruleset),
                ctypes.c_uint32(0),
            )
        )
    finally:
        os.close(ruleset)
    return abi


def _readable() -> Iterator[Path]:
    """Yield what the interpreter and its libraries read: never a folder with documents.

    Of the folder in which Plinth's own packages lie, only these: somebody may keep a data dir
    beside them.
    """
    yield from (_PACKAGES_DIR / name for name in _PACKAGES)
    yield from map(Path, _SYSTEM_FOLDERS)
    yield from map(Path, _SYSTEM_FILES)
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        yield from (Path(prefix, folder) for folder in ("lib", "lib64"))
    for entry in sys.path:
        path = Path(entry)
        if path.is_absolute() and path.resolve() != _PACKAGES_DIR:
            yield path
    yield from map(Path, filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    try:
        is_folder = path.is_dir()
        rule = _PathBeneath(
            allowed=_READ_FILE | _READ_DIR if is_folder else _READ_FILE, parent=descriptor
        )
        _checked(
            libc.syscall(
                ctypes.c_long(_LANDLOCK_ADD_RULE),
                ctypes.c_int(ruleset),
                ctypes.c_int(_RULE_PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
        )
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"confining a parser failed: {errno.errorcode.get(number, number)}")
    return result


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(confine())))
