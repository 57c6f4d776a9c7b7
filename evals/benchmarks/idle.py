"""The time between two questions, in which the web app prepares passages; it is not measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from assistant.store.catalog import Catalog
from assistant.store.types import ReadableChunk
from assistant.types import ChunkId
from assistant.warming import Preparation, Warmer

POLL_S = 0.05


class IdleTime:
    """The web app's own warmers, which work while time passes here, and never beside a measurement.

    Args:
        catalog: What they work on.
        preparations: What they prepare of each passage.
    """

    def __init__(self, catalog: Catalog, preparations: Sequence[Preparation]) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._is_started = False
        self._warmers = [
            Warmer(catalog, _Gated(one, self._gate), is_busy=lambda: False) for one in preparations
        ]

    def note_use(self, chunk_ids: Sequence[ChunkId]) -> None:
        """Have these passages prepared first."""
        for warmer in self._warmers:
            warmer.note_use(chunk_ids)

    def pass_s(self, seconds: float) -> None:
        """Let so many seconds pass, fewer where nothing is left to be prepared."""
        if not self._is_started:
            for warmer in self._warmers:
                warmer.start()
            self._is_started = True
        end_s = time.monotonic() + seconds
        self._gate.release()
        try:
            while time.monotonic() < end_s and not all(map(_is_through, self._warmers)):
                time.sleep(POLL_S)
        finally:
            self._gate.acquire()  # not before the passage under way is through

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for warmer in self._warmers:
            warmer.end()
        self._gate.release()
        for warmer in self._warmers:
            warmer.join()


class _Gated:
    """Prepares passages only while the gate is open."""

    def __init__(self, preparation: Preparation, gate: threading.Lock) -> None:
        self._preparation = preparation
        self._gate = gate

    def is_full(self) -> bool:
        return self._preparation.is_full()

    def keep(self, passage: ReadableChunk) -> bool:
        with self._gate:
            return self._preparation.keep(passage)


def _is_through(warmer: Warmer) -> bool:
    return warmer.is_idle or warmer.progress.error is not None
