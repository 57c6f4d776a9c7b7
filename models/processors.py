"""Which processor this is, and how many of its cores a model should use."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.llama.build_wheel import CPU_INFO, processor

_TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A kind of processor: what decides which weight file is the fastest."""

    name: str
    """For people."""
    key: str
    """16 hex digits over its name and instruction sets."""


@cache
def this_processor(cpu_info: Path = CPU_INFO) -> Processor:
    """Return the kind of processor that this machine has."""
    described = f"{platform.machine()}\n{processor(cpu_info)}"
    names = (
        line.partition(":")[2].strip()
        for line in described.splitlines()
        if line.startswith(("model name", "CPU part"))
    )
    return Processor(
        name=f"{next(names, 'unknown')} ({platform.machine()})",
        key=hashlib.sha256(described.encode()).hexdigest()[:16],
    )


@cache
def multiplies_bfloat16(cpu_info: Path = CPU_INFO) -> bool:
    """Tell whether the processor has instructions for products of bfloat16 (Intel, AMD)."""
    words = processor(cpu_info).split()
    return "avx512_bf16" in words or "amx_bf16" in words


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
