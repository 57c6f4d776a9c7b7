"""How a process that computes with llama.cpp ended, in words."""

from __future__ import annotations

import signal

_OTHER_PROCESSOR = "this llama.cpp was compiled for another processor, run `make clean setup`"


def how_it_ended(status: int) -> str:
    """Return the words for a return code as `subprocess` gives it: negative for a signal."""
    if status >= 0:
        return f"exit code {status}"
    name = signal.Signals(-status).name
    return f"signal {name} ({_OTHER_PROCESSOR})" if -status == signal.SIGILL else f"signal {name}"
