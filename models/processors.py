"""How many processors a model should use."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def physical_cores(topology: Path = _TOPOLOGY) -> int:
    """Return the number of physical cores this process may run on, at least 1.

    Two hardware threads of a core share the units that matrix products keep busy: a second
    thread there slows the first. Where the system does not tell, each processor counts.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(topology, processor) for processor in os.sched_getaffinity(0)})


def _siblings(topology: Path, processor: int) -> str:
    path = topology / f"cpu{processor}" / "topology" / "thread_siblings_list"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return str(processor)
