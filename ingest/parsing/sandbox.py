"""Parser processes: hostile or broken files cost at most their budget."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.errors import RejectedFileError
from ingest.parsing.child import READY
from ingest.parsing.document_json import document_from_json
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason

PACKAGES_DIR = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
_MAX_FILES_PER_CHILD = 200
"""Then a fresh process takes over: libraries leak."""
_READ_BYTES = 1 << 20
_START_S = 30.0


class ParserPool:
    """Parses files in child processes, as many at once as `ingest.parser_processes`.

    Nothing starts before the first `parse`; then one child for each call that runs at the same
    time. Children are reused, replaced when they die or overstep, and end with this process.
    Safe to use from several threads.

    Args:
        settings: Budgets of one file: wall time, memory, pages, characters, bytes.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._slots = threading.BoundedSemaphore(settings.parser_processes)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every child at once; a `parse` that still runs rejects its file as crashed."""
        with self._lock:
            self._is_closed = True
            busy, idle = list(self._busy), self._idle
            self._idle = []
        for child in busy:
            child.kill()
        for child in idle:
            child.end()

    def parse(self, path: Path) -> ParsedDocument:
        """Return what the parser of the file's format makes of it; waits for a free child.

        Raises:
            RejectedFileError: with the reason and what its owner can do.
        """
        with self._slots:
            child = self._take()
            try:
                reply = child.ask(path)
            except BaseException:
                self._drop(child)
                raise
            self._give_back(child)
        if "reason" in reply:
            raise RejectedFileError(RejectReason(reply["reason"]), str(reply["detail"]))
        try:
            return document_from_json(reply["document"])
        except (ValueError, KeyError, TypeError, IndexError) as exc:
            raise _crashed("its parser gave an answer that is none") from exc

    def _take(self) -> _Child:
        with self._lock:
            if self._is_closed:
                raise _crashed("parsing was stopped")
            child = self._idle.pop() if self._idle else _Child(self._settings)
            if not child.is_alive():  # it died while idle, which is no file's fault
                child.end()
                child = _Child(self._settings)
            self._busy.add(child)
            return child

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._busy.discard(child)
            if not self._is_closed and child.n_files < _MAX_FILES_PER_CHILD:
                self._idle.append(child)
                return
        child.end()

    def _drop(self, child: _Child) -> None:
        with self._lock:
            self._busy.discard(child)
        child.end()


class _Child:
    """One process; used by one thread at a time, but for `kill`."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        # A code point takes up to 4 bytes, one escaped 6; spans of many short rows add as much.
        self._max_reply_bytes = 12 * settings.max_chars + 1_000_000
        self.n_files = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingest.parsing.child", settings.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=child_environment(),
            cwd="/",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, path: Path) -> dict[str, Any]:
        """Return the child's reply for one file; after an error the child is of no more use."""
        if self.n_files == 0 and self._read_line(within_s=_START_S) != READY.encode():
            raise _crashed("its parser did not start")
        self.n_files += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as exc:
            raise _crashed("its parser could not be reached") from exc
        line = self._read_line(within_s=self._settings.max_parse_s)
        try:
            reply: dict[str, Any] = json.loads(line)
        except ValueError as exc:
            raise _crashed("its parser gave an answer that is none") from exc
        return reply

    def _read_line(self, *, within_s: float) -> bytes:
        deadline = time.monotonic() + within_s
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        line = bytearray()
        while not line.endswith(b"\n"):
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0 or not select.select([descriptor], [], [], remaining_s)[0]:
                raise RejectedFileError(
                    RejectReason.TOO_SLOW,
                    f"parsing it takes more than {within_s:g} s; "
                    "split it or raise ingest.max_parse_s",
                )
            piece = os.read(descriptor, _READ_BYTES)
            if not piece:
                raise _crashed("its parser died")
            line += piece
            if len(line) > self._max_reply_bytes:
                raise RejectedFileError(
                    RejectReason.TOO_LARGE,
                    "what was found in it is too long to hand over; split the file",
                )
        return bytes(line)

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill the process and free what it holds here."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def child_environment() -> dict[str, str]:
    """Return what a child needs to run and nothing that may be secret."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": str(PACKAGES_DIR), "PYTHONDONTWRITEBYTECODE": "1"}


def _crashed(what: str) -> RejectedFileError:
    return RejectedFileError(RejectReason.CRASHED, f"{what}; try it again, or save it as PDF anew")
