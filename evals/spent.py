"""What a question cost beside time, as far as the machine tells it: memory and energy.

Read from Linux's /proc and, for energy, from the processor's own counters (RAPL), which need to be
readable; elsewhere, and without them, nothing is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PROC = Path("/proc")
POWERCAP = Path("/sys/class/powercap")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_PACKAGE = re.compile(r"intel-rapl:\d+")
"""A whole processor; its parts, `intel-rapl:0:1`, are counted in it."""


class Meter:
    """Counts from when it is made; of this process, its children and this machine.

    Args:
        proc: Where processes are described.
        powercap: Where energy is counted.
    """

    def __init__(self, proc: Path = PROC, powercap: Path = POWERCAP) -> None:
        self._proc = proc
        self._powercap = powercap
        self._energy = dict(self._counters())

    def read(self) -> Mapping[str, float]:
        """Return what is known: `peak_memory_mb`, the most that was resident so far, and `joules`.

        Energy is that of the whole machine, so of everything that ran meanwhile.
        """
        told: dict[str, float] = {}
        peaks = list(self._peaks(os.getpid()))
        if peaks:
            told["peak_memory_mb"] = round(sum(peaks) / 1000, 1)
        spent = [
            (now - self._energy[name][0]) % (most + 1)
            for name, (now, most) in self._counters()
            if name in self._energy
        ]
        if spent:
            told["joules"] = round(sum(spent) / 1e6, 2)
        return told

    def _peaks(self, pid: int) -> Iterator[int]:
        """Yield the peaks of a process and of all below it, in kB; ended ones are left out."""
        try:
            found = _PEAK.search((self._proc / str(pid) / "status").read_text())
            tasks = list((self._proc / str(pid) / "task").glob("*/children"))
            children = [int(one) for path in tasks for one in path.read_text().split()]
        except OSError:
            return
        if found is not None:
            yield int(found[1])
        for child in children:
            yield from self._peaks(child)

    def _counters(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield name, microjoules and where the counter begins anew, of every processor."""
        try:
            for folder in sorted(self._powercap.glob("intel-rapl:*")):
                if _PACKAGE.fullmatch(folder.name):
                    now, most = (
                        int((folder / name).read_text())
                        for name in ("energy_uj", "max_energy_range_uj")
                    )
                    yield folder.name, (now, most)
        except (OSError, ValueError):  # not readable: what is not told is not guessed
            return
