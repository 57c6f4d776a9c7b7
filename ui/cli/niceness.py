"""How commands that take long make room for whoever waits in front of a screen."""

from __future__ import annotations

import os

NICENESS = 10
"""Questions come first: whoever ingests or measures can wait a little longer."""


def give_way() -> None:
    """Have this process, and those that it starts from now on, compute when no other wants to."""
    os.nice(NICENESS)
