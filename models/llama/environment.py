"""The environment of a process that computes with llama.cpp."""

from __future__ import annotations

import os
from pathlib import Path

from models.waiting import waiting_policy

_PROJECT = Path(__file__).resolve().parents[2]


def computing_environment() -> dict[str, str]:
    """Return the environment, in which threads that wait for one another soon sleep.

    What the user says about waiting (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`) is left as it is.
    """
    return {
        **waiting_policy(),
        **os.environ,
        "PYTHONPATH": str(_PROJECT),
        "GGML_NO_BACKTRACE": "1",  # a crash would look for debuggers to run
    }
