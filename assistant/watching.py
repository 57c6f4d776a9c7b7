"""Tells when the documents have changed, so that what was kept of them in memory is dropped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from assistant.errors import StoreError

_LOG = logging.getLogger(__name__)

LOOKS_S = 1.0
"""Between two looks at the generation of the index."""


class GenerationWatch:
    """A thread that looks at the number of the index generation until it is closed.

    Args:
        current_generation: Returns that number.
        on_change: Called, in the thread, after each change of it.
    """

    def __init__(
        self, current_generation: Callable[[], int], on_change: Sequence[Callable[[], None]]
    ) -> None:
        self._current_generation = current_generation
        self._on_change = on_change
        self._seen = current_generation()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generation-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for it; idempotent."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Look once."""
        current = self._current_generation()
        if current != self._seen:
            self._seen = current
            for drop in self._on_change:
                drop()

    def _run(self) -> None:
        while not self._closing.wait(LOOKS_S):
            try:
                self.look()
            except StoreError as error:
                _LOG.warning("whether documents have changed is not known: %s", error)
