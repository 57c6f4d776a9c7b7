"""What a power cut would take: changes that were acknowledged before the disk had them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

FILES = ("write", "pwrite64", "writev", "ftruncate", "fallocate", "mkdir", "mkdirat")
NAMES = ("rename", "renameat", "renameat2", "link")
SYNCS = ("fsync", "fdatasync")
ACKNOWLEDGES = "sendto"
CALLS = (*FILES, *NAMES, *SYNCS, ACKNOWLEDGES)
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_OPENED = re.compile(r"^\d+<(?P<path>[^>]*)>")
_NAMED = re.compile(r'"(?P<path>[^"]*)"')
_UNSYNCED = ("-shm", ".lock")
"""Made anew after a power cut."""


def unsynced(trace: Path, folder: Path, *, derived: Iterable[Path] = ()) -> list[str]:
    """Return what the disk may not have had when a step was acknowledged.

    Contents of files that were written to, and folders in which a name came to stand: a file whose
    folder was not synced may be gone. Names that are removed do not count: what comes back, the
    next start removes.

    Args:
        trace: What strace wrote, of `CALLS`.
        folder: All that counts.
        derived: Files, and folders of files, that can be made anew or are thrown away.
    """
    left_out = tuple(map(str, derived))
    dirty: dict[str, str] = {}
    found = []

    def note(path: str, what: str) -> None:
        is_meant = path.startswith(str(folder)) and not path.startswith(left_out)
        if is_meant and not path.endswith(_UNSYNCED):
            dirty[path] = what

    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None or match["result"].startswith("-"):
            continue
        name, arguments = match["name"], match["arguments"]
        opened, named = _OPENED.match(arguments), _NAMED.findall(arguments)
        if name in SYNCS and opened:
            dirty.pop(opened["path"], None)
        elif name == ACKNOWLEDGES:
            found += [f"{what} {path}" for path, what in dirty.items()]
            dirty.clear()
        elif name in NAMES:
            source, target = named[-2:]
            if source in dirty:
                dirty[target] = dirty.pop(source)
            note(str(Path(target).parent), "a new name in")
        elif name.startswith("mkdir"):
            note(str(Path(named[-1]).parent), "a new folder in")
        elif opened and not (name == "ftruncate" and opened["path"].endswith("-wal")):
            # SQLite cuts its log when all of it is in the catalog, and synced there.
            note(opened["path"], "bytes of")
    return found
