"""When a process that died is started again: soon after the first time, ever later if it goes on.

Whatever makes it die (too little memory, a damaged library) is not mended by starting it at once,
and each start costs the others on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
"""After living this long, its next death counts as the first again."""


class Backoff:
    """Pauses before the next start of one process; for one thread at a time.

    Args:
        clock: Tells seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._n_deaths = 0
        self._until_s = clock()

    @property
    def n_deaths(self) -> int:
        """How often it died in a row, each time before it was steady."""
        return self._n_deaths

    @property
    def left_s(self) -> float:
        """Seconds until it may be started; 0 if it may be now."""
        return max(0.0, self._until_s - self._clock())

    def died(self, *, started_s: float, ended_s: float) -> float:
        """Take in a death and return how many seconds after it the next start may be.

        Args:
            started_s: When it was started, by the clock.
            ended_s: When it died.
        """
        self._n_deaths = 1 if ended_s - started_s > STEADY_S else self._n_deaths + 1
        # Bounded before it is raised to a power: it may go on for days.
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(self._n_deaths - 1, 16), LONGEST_PAUSE_S)
        self._until_s = ended_s + pause_s
        return pause_s
