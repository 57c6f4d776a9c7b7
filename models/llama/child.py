"""The generator's process as its parent sees it: started, asked, ended."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

from models.errors import GeneratorCrashedError, ModelError, ModelFileError
from models.llama import wire
from models.llama.ending import how_it_ended
from models.llama.environment import computing_environment

Replies = SimpleQueue[wire.Reply | None]
"""What the process says to one request, in order; None: it has ended and says no more."""

_STDERR_LINES_KEPT = 5
_CLOSE_TIMEOUT_S = 3.0


class GeneratorChild:
    """One run of `models.llama.process`; thread-safe.

    Raises:
        GeneratorCrashedError: the system cannot start a process.
    """

    def __init__(self, opening: wire.Open) -> None:
        try:
            self._process = subprocess.Popen(
                # -P: a folder named `models` where the user happens to be must not be imported.
                [sys.executable, "-P", "-m", "models.llama.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=computing_environment(),
            )
        except OSError as error:
            raise GeneratorCrashedError(
                f"cannot start the generator's process: {error}; free memory or processes"
            ) from error
        self._send_lock = threading.Lock()
        self._replies_lock = threading.Lock()
        self._replies: dict[int, Replies] = {}
        self._has_ended = False
        self._started_s = time.monotonic()
        self._ended_s: float | None = None
        self._opened = threading.Event()
        self._open_error: ModelError | None = None
        self._last_lines: deque[str] = deque(maxlen=_STDERR_LINES_KEPT)
        self._stderr_thread = threading.Thread(
            target=self._read_stderr, name="generator-stderr", daemon=True
        )
        self._replies_thread = threading.Thread(
            target=self._read_replies, name="generator-replies", daemon=True
        )
        self._stderr_thread.start()  # first: the other one waits for it
        self._replies_thread.start()
        self.send(opening)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """Whether requests make sense: it has not ended, and its model could be opened."""
        # The end of its replies is known while another thread asks the system, which tells one.
        has_ended = self._has_ended or self._process.poll() is not None
        return not has_ended and self._open_error is None

    @property
    def death(self) -> tuple[float, float] | None:
        """When it was started and when it ended, by the monotonic clock, if it crashed.

        None as long as it runs, and where it said that its model cannot be opened.
        """
        if self.is_usable or isinstance(self._open_error, ModelFileError):
            return None
        return self._started_s, time.monotonic() if self._ended_s is None else self._ended_s

    def wait_until_open(self) -> None:
        """Return when the model is loaded; any number of threads may wait.

        Raises:
            ModelFileError: it cannot be loaded.
            GeneratorCrashedError: the process ended meanwhile.
        """
        self._opened.wait()
        if self._open_error is not None:
            raise self._open_error

    def ask(self, message: wire.Generate | wire.Count | wire.Keep | wire.Find) -> Replies:
        """Send a request and return where its replies will arrive."""
        replies: Replies = SimpleQueue()
        with self._replies_lock:
            if self._has_ended:
                replies.put(None)
                return replies
            self._replies[message["id"]] = replies
        self.send(message)
        return replies

    def send(self, message: wire.Request) -> None:
        """Send a message; to a process that has ended, nothing."""
        stdin = _pipe(self._process.stdin)
        # Broken or closed: whoever waits for a reply gets None.
        with self._send_lock, suppress(OSError, ValueError):
            stdin.write(wire.encode(message))
            stdin.flush()

    def ending(self) -> str:
        """Return how the process ended, in words; waits for it."""
        how = how_it_ended(self._process.wait())
        return f"the generator's process {self.pid} ended with {how}"

    def crash_error(self) -> GeneratorCrashedError:
        """Return the error for a request that got None, to be raised."""
        said = "; ".join(self._last_lines) or "it said nothing"
        return GeneratorCrashedError(
            f"{self.ending()} in the middle of a request: {said}; ask again, the next request "
            "starts a new one"
        )

    def close(self) -> None:
        """End the process; idempotent."""
        with suppress(BrokenPipeError):  # it has ended already, with something unsent
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._replies_thread.join()

    def _read_replies(self) -> None:
        try:
            with _pipe(self._process.stdout) as stdout:
                for line in stdout:
                    if line.endswith(b"\n"):  # else the process was killed while it wrote
                        self._deliver(wire.decode_reply(line))
        finally:
            self._end_replies()

    def _end_replies(self) -> None:
        """Tell everybody who waits that nothing more will come."""
        self._stderr_thread.join()  # so that an error can tell what was said last
        self._ended_s = time.monotonic()
        with self._replies_lock:
            self._has_ended = True
            orphans = list(self._replies.values())
            self._replies.clear()
        if not self._opened.is_set():
            self._open_error = self.crash_error()
            self._opened.set()
        for replies in orphans:
            replies.put(None)

    def _deliver(self, reply: wire.Reply) -> None:
        if reply["id"] == wire.OPEN_ID:
            if reply["type"] == "failed":
                self._open_error = wire.read_failed(reply)
            self._opened.set()
            return
        with self._replies_lock:
            replies = self._replies[reply["id"]]
            if reply["type"] != "piece":
                del self._replies[reply["id"]]
        replies.put(reply)

    def _read_stderr(self) -> None:
        with _pipe(self._process.stderr) as stderr:
            for line in stderr:
                self._last_lines.append(line.decode("utf-8", errors="replace").strip())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream that `Popen` was told to open."""
    if stream is None:
        raise ValueError("the process was started without a pipe")
    return stream
