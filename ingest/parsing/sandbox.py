"""Parser processes: hostile or broken files cost at most their budget."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.errors import IngestError, RejectedFileError
from ingest.parsing.child import READY
from ingest.parsing.confinement import Confinement, limit_cpu
from ingest.parsing.document_json import document_from_json
from ingest.parsing.input_copy import InputCopy
from ingest.parsing.protocol import OnScan, ignore
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason

PACKAGES_DIR = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
_READ_BYTES = 1 << 20
START_S = 30.0
_GIVES_UP = {signal.SIGABRT, signal.SIGTRAP, signal.SIGILL}
"""PDFium ends its process by one of these, by how it was built, when it gets no more memory."""


class ParserPool:
    """Parses files in child processes, as many at once as `ingest.parser_processes`.

    Nothing starts before the first `parse`; then one child for each call that runs at the same
    time. Children are reused, replaced when they die or overstep, and end with this process.
    Safe to use from several threads.

    Args:
        settings: Budgets of one file: wall and processor time, memory, pages, characters, bytes.
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

    def parse(
        self, path: Path, *, suffix: str | None = None, on_scan: OnScan = ignore
    ) -> ParsedDocument:
        """Return what the parser of the file's format makes of it; waits for a free child.

        A file whose scanned pages cost a child its life is parsed again without reading them: the
        pages with text are none the worse for them.

        Args:
            path: Of the file.
            suffix: What its name ends in, with the dot, where `path` is not named like it.
            on_scan: Told, in this thread, before each page that is read from a picture.

        Raises:
            RejectedFileError: with the reason and what its owner can do.
        """
        suffix = path.suffix if suffix is None else suffix
        n_scans = 0

        def count(number: int, of: int) -> None:
            nonlocal n_scans
            n_scans = number
            on_scan(number, of)

        with self._slots:
            try:
                reply = self._ask(path, suffix, count)
            except RejectedFileError:
                if not n_scans:
                    raise
                reply = self._ask(path, suffix, None)
                if reply.get("reason") == RejectReason.NO_TEXT:
                    raise
        if "reason" in reply:
            raise RejectedFileError(RejectReason(reply["reason"]), str(reply["detail"]))
        try:
            return document_from_json(reply["document"])
        except (ValueError, KeyError, TypeError, IndexError) as exc:
            raise _no_answer() from exc

    def _ask(self, path: Path, suffix: str, on_scan: OnScan | None) -> dict[str, Any]:
        child = self._take()
        try:
            reply = child.ask(path, suffix, on_scan)
        except BaseException:
            self._drop(child)
            raise
        self._give_back(child)
        return reply

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
            if not self._is_closed and child.n_files < self._settings.files_per_process:
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
        self._input = InputCopy()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "ingest.parsing.child"),
                *(settings.model_dump_json(), str(self._input.descriptor)),
            ],
            pass_fds=(self._input.descriptor,),
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

    def ask(self, path: Path, suffix: str, on_scan: OnScan | None) -> dict[str, Any]:
        """Return the child's reply for one file; after an error the child is of no more use.

        Args:
            path: Of the file.
            suffix: What its name ends in.
            on_scan: Told of each scanned page; None: scans are not read.
        """
        if self.n_files == 0 and self._read_line(within_s=START_S) != READY.encode():
            raise _crashed("its parser did not start (`plinth doctor` may say why)")
        self.n_files += 1
        try:
            self._input.fill(path, self._settings)
        except RejectedFileError as error:  # the child never hears of it
            return {"reason": error.reason, "detail": error.detail}
        assert self._process.stdin is not None
        try:
            request = {"suffix": suffix, "reads_scans": on_scan is not None}
            limit_cpu(self.pid, self._settings.max_parse_s)
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as exc:
            raise _crashed("its parser could not be reached") from exc
        reply, took_s = self._read_reply(self._settings.max_parse_s)
        if on_scan is not None and "scan" in reply:
            reply = self._follow_scans(reply, on_scan, self._settings.max_parse_s - took_s)
        self._input.clear()
        return reply

    def _follow_scans(
        self, reply: dict[str, Any], on_scan: OnScan, parse_s: float
    ) -> dict[str, Any]:
        """Return what comes after the scanned pages.

        Each has a time of its own. What it takes on top counts towards the rest of the file.

        Args:
            reply: Says which scanned page comes first.
            on_scan: Told of each.
            parse_s: What is left for all but scanned pages.
        """
        scans_s = self._settings.max_scans_s
        while "scan" in reply:
            try:
                number, of = map(int, reply["scan"])
            except (TypeError, ValueError) as exc:
                raise _no_answer() from exc
            on_scan(number, of)
            page_s = min(self._settings.max_scan_page_s, scans_s)
            with suppress(ProcessLookupError):  # how it ended is told below
                limit_cpu(self.pid, parse_s + page_s)
            reply, took_s = self._read_reply(parse_s + page_s)
            scans_s -= min(took_s, page_s)
            parse_s -= max(took_s - page_s, 0.0)
        return reply

    def _read_reply(self, within_s: float) -> tuple[dict[str, Any], float]:
        """Return the next reply and the seconds it took to come."""
        start = time.monotonic()
        line = self._read_line(within_s=within_s)
        try:
            reply = json.loads(line)
        except ValueError as exc:
            raise _no_answer() from exc
        if not isinstance(reply, dict):
            raise _no_answer()
        return reply, time.monotonic() - start

    def _read_line(self, *, within_s: float) -> bytes:
        deadline = time.monotonic() + within_s
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        line = bytearray()
        while not line.endswith(b"\n"):
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0 or not select.select([descriptor], [], [], remaining_s)[0]:
                raise _too_slow(f"{within_s:g} s")
            piece = os.read(descriptor, _READ_BYTES)
            if not piece:
                raise _death(-self._process.wait(), self._settings)
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
        self._input.close()


def child_environment() -> dict[str, str]:
    """Return what a child needs to run and nothing that may be secret."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {
        "PYTHONPATH": str(PACKAGES_DIR),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # openpyxl loads numpy, which would start one for each core
        "OMP_THREAD_LIMIT": "1",  # Tesseract reads no faster with more
    }


def examine_confinement() -> Confinement:
    """Return what this system's kernel holds of a parser child, as a process finds it.

    Raises:
        IngestError: such a process cannot confine itself, so that no child starts.
    """
    told = told_by_child(
        "ingest.parsing.confinement", fault="a parser process cannot confine itself ({}); report it"
    )
    return Confinement(**told)


def told_by_child(module: str, *arguments: str, fault: str) -> dict[str, Any]:
    """Return the JSON object that a module prints which is run as a child is.

    Args:
        module: Its name.
        arguments: For it.
        fault: Words of the error, with a place for what it said last.

    Raises:
        IngestError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=child_environment(),
        cwd="/",
        timeout=START_S,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise IngestError(fault.format(said))
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _too_slow(limit: str) -> RejectedFileError:
    return RejectedFileError(
        RejectReason.TOO_SLOW,
        f"parsing it takes more than {limit}; split it or raise ingest.max_parse_s",
    )


def _death(signal_number: int, settings: IngestSettings) -> RejectedFileError:
    """Return what a child's end without an answer says of its file."""
    if signal_number == signal.SIGXCPU:
        return _too_slow(f"{settings.max_parse_s:g} s of processor time")
    if signal_number in _GIVES_UP:
        return RejectedFileError(
            RejectReason.TOO_MUCH_MEMORY,
            "its parser gave up, most likely because it takes more than "
            f"{settings.max_memory_bytes:,} bytes of memory; "
            "split it or raise ingest.max_memory_bytes",
        )
    if signal_number > 0:
        return _crashed(f"its parser died of {signal.Signals(signal_number).name}")
    return _crashed("its parser ended")


def _no_answer() -> RejectedFileError:
    return _crashed("its parser gave an answer that is none")


def _crashed(what: str) -> RejectedFileError:
    return RejectedFileError(RejectReason.CRASHED, f"{what}; try it again, or save it as PDF anew")
