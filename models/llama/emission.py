"""From bytes of tokens to text that may be shown: whole characters, nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Emission:
    """The text of one reply as it grows; what is returned depends on the bytes, not their cuts."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.is_stopped = False

    def feed(self, data: bytes) -> str:
        """Return the text that is now sure to be emitted, often empty.

        The stop string that is complete first ends the text; of two complete at once, the longer.
        """
        self._held += self._decoder.decode(data)
        ends = [
            (start + len(stop), start)
            for stop in self._stop
            if (start := self._held.find(stop)) >= 0
        ]
        if ends:
            self.is_stopped = True
            self._held = self._held[: min(ends)[1]]
            return self.flush()
        return self._release(len(self._held) - self._possible_stop_chars())

    def flush(self) -> str:
        """Return what was held back; an unfinished character is dropped."""
        return self._release(len(self._held))

    def _release(self, n_chars: int) -> str:
        text, self._held = self._held[:n_chars], self._held[n_chars:]
        return text

    def _possible_stop_chars(self) -> int:
        """Return the length of the longest end of the held text that begins a stop string."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for n_chars in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-n_chars:]) for stop in self._stop):
                return n_chars
        return 0
