"""The environment of a process that computes with llama.cpp."""

from __future__ import annotations

import os
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
_SPINS = 500
"""Some microseconds, about what a wait between two matrices takes. Threads that sleep at once are
late to each of them: 0.6 of the speed of writing (0.5B, light load). Threads that spin for
longer starve one another as soon as something else computes too (an ingest): with 10,000, a sixth
of the speed of those that sleep at once; with libgomp's default, the first token came 30 times
later. With 500 it is 0.8 of it."""


def computing_environment() -> dict[str, str]:
    """Return the environment, in which threads that wait for one another soon sleep.

    What the user says about waiting (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`) is left as it is.
    """
    return {
        **_waiting(),
        **os.environ,
        "PYTHONPATH": str(_PROJECT),
        "GGML_NO_BACKTRACE": "1",  # a crash would look for debuggers to run
    }


def _waiting() -> dict[str, str]:
    if "OMP_WAIT_POLICY" in os.environ:  # a number of spins would overrule it
        return {}
    return {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(_SPINS)}
