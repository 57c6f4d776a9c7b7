"""How the threads of a computation wait for one another: they spin briefly, then sleep.

OpenMP reads this once, when it is loaded, from the environment.
"""

from __future__ import annotations

import os

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
_SPINS = 500
"""Some microseconds, about what a wait between two matrices takes. Threads that sleep at once are
late to each of them: 0.6 of the speed of writing (0.5B, light load). Threads that spin for
longer starve one another as soon as something else computes too (an ingest): with 10,000, a sixth
of the speed of those that sleep at once; with libgomp's default, the first token came 30 times
later, and a question took five times the processor time to embed. With 500 it is 0.8 of it."""


def waiting_policy() -> dict[str, str]:
    """Return the variables to set, none where the user has set them otherwise."""
    if "OMP_WAIT_POLICY" in os.environ:  # a number of spins would overrule it
        return {}
    return {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(_SPINS)} | {
        name: os.environ[name] for name in ("GOMP_SPINCOUNT",) if name in os.environ
    }


def library_defaults() -> dict[str, str]:
    """Return the environment without these variables: what others' programs are run with."""
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}
