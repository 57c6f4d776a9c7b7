"""How far a job is, told to the queue: each time is a transaction, so not every time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from assistant.store.types import JobFile
from ingest.pipeline import IngestProgress
from ingest.requests import job_file
from ingest.types import FileOutcome, FileStatus

EVERY_S = 0.3
_OLD_NEWS = (FileStatus.UNCHANGED, FileStatus.REJECTED)


class Throttled:
    """Passes on the first report, the last one and a few between: each is a transaction."""

    def __init__(self, report: Callable[[IngestProgress], None]) -> None:
        self._report = report
        self._reported_s = -math.inf

    def __call__(self, progress: IngestProgress) -> None:
        """Pass it on, if it is time."""
        is_last = progress.n_bytes_done >= progress.n_bytes
        if is_last or time.monotonic() - self._reported_s >= EVERY_S:
            self._reported_s = time.monotonic()
            self._report(progress)


class Gathered:
    """Passes outcomes on: news at once, the rest together; the job's end brings what is left."""

    def __init__(self, report: Callable[[Sequence[JobFile]], None]) -> None:
        self._report = report
        self._ended: list[JobFile] = []
        self._reported_s = -math.inf

    def __call__(self, outcomes: Sequence[FileOutcome]) -> None:
        """Take outcomes, and pass on what has come together."""
        self._ended.extend(map(job_file, outcomes))
        # A killed worker's successor finds what was published unchanged: how it came is told now.
        has_news = any(outcome.status not in _OLD_NEWS for outcome in outcomes)
        if self._ended and (has_news or time.monotonic() - self._reported_s >= EVERY_S):
            self._report(self._ended)
            self._ended, self._reported_s = [], time.monotonic()
