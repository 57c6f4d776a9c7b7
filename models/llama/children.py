"""One process of a generator after another: started when needed, and ever later if they die."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from models.backoff import Backoff
from models.errors import GeneratorCrashedError, GeneratorPausedError, ModelError
from models.llama import wire
from models.llama.child import GeneratorChild

OnDeath = Callable[[str], None]
PATIENCE_S = 5.0
"""So long a request waits for the next process; over it, it is refused."""


class GeneratorChildren:
    """The process of now, if there is one. Thread-safe.

    Args:
        opening: What each is told first.
        name: Of the model, for errors.
        on_death: Told, in any thread, how one died, once the next request finds it so.
    """

    def __init__(self, opening: wire.Open, name: str, on_death: OnDeath) -> None:
        self._opening = opening
        self._name = name
        self._on_death = on_death
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._child: GeneratorChild | None = None
        self._backoff = Backoff()

    @property
    def current(self) -> GeneratorChild | None:
        """The latest, which may have died."""
        return self._child

    def require(self) -> GeneratorChild:
        """Return one whose model is loaded, started if need be.

        Raises:
            ModelFileError: the model cannot be loaded.
            GeneratorCrashedError: it died meanwhile.
            GeneratorPausedError: those before died, and the next is not started soon.
            ModelError: all of it is closed.
        """
        while (child := self._usable()) is None:
            self._closed.wait(self._backoff.left_s)
        child.wait_until_open()
        return child

    def close(self) -> None:
        """End the process, and start none any more; idempotent."""
        with self._lock:
            self._closed.set()
            child = self._child
        if child is not None:
            child.close()

    def refuse_if_closed(self) -> None:
        """Raise `ModelError` if it is closed."""
        if self._closed.is_set():
            raise ModelError(f"the generator {self._name!r} is closed; build another one")

    def end_error(self, child: GeneratorChild) -> ModelError:
        """Return the error for a request whose process ended, to be raised."""
        try:
            self.refuse_if_closed()
        except ModelError as closed:
            return closed
        return child.crash_error()

    def _usable(self) -> GeneratorChild | None:
        """Return the process, started if need be; None: it may be started soon."""
        with self._lock:
            self.refuse_if_closed()
            if self._child is not None and not self._child.is_usable:
                self._bury(self._child)
                self._child = None
            if self._child is None:
                left_s = self._backoff.left_s
                if left_s > PATIENCE_S:
                    raise GeneratorPausedError(
                        f"the language model's process died {self._backoff.n_deaths} times in a "
                        f"row and is started again in {left_s:.0f} s; ask again then, and if it "
                        "stays tell an admin to look into the server's log"
                    )
                if left_s:
                    return None
                self._child = self._start()
            return self._child

    def _start(self) -> GeneratorChild:
        try:
            return GeneratorChild(self._opening)
        except GeneratorCrashedError:
            now = time.monotonic()
            self._note_death("the generator's process could not be started", now, now)
            raise

    def _bury(self, child: GeneratorChild) -> None:
        child.close()
        if child.death is not None:
            self._note_death(child.ending(), *child.death)

    def _note_death(self, how: str, started_s: float, ended_s: float) -> None:
        pause_s = self._backoff.died(started_s=started_s, ended_s=ended_s)
        self._on_death(f"{how}; the next one is started after {pause_s:g} s")
