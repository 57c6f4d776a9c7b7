"""Files parsed in the background, a few ahead of whoever embeds them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from types import TracebackType
from typing import Self

from assistant.types import Version
from ingest.errors import RejectedFileError
from ingest.parsing.sandbox import ParserPool
from ingest.records import Record, parse_record
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, Rejection, RejectReason

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2
_MAX_SUFFIX_CHARS = 20
_AHEAD_PER_PROCESS = 2
"""Parsed documents held in memory for each parser child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A file or record to compare with what is known, and to parse if it is new."""

    document: str
    place: str
    """Where it is found: equal for no two of a source."""
    version: Version
    size_bytes: int
    name: str
    """What it is called if it states no title itself."""
    file: Path | None = None
    """To parse: its kept copy."""
    record: Record | None = None
    """To parse, instead of a file."""


class ParseAhead:
    """Parses tasks in a pool of children; starts nothing before the first task.

    Args:
        settings: How many children, and what a file may cost.
        cancel: Once set, `parsed` ends as soon as it is noticed.
        on_doing: Told in the thread that draws from `parsed`, in words, which scanned page is read;
            empty once none is.
        one_by_one: Draw a task only when the one before was dealt with.
    """

    def __init__(
        self,
        settings: IngestSettings,
        *,
        cancel: Event,
        on_doing: Callable[[str], None],
        one_by_one: bool = False,
    ) -> None:
        self._settings = settings
        self._cancel = cancel
        self._on_doing = on_doing
        self._doing: dict[Task, str] = {}  # changed by several threads, each at its own key
        self._told = ""
        self._resources = ExitStack()
        self._n_ahead = 1 if one_by_one else settings.parser_processes * _AHEAD_PER_PROCESS

    def __enter__(self) -> Self:
        self._threads = self._resources.enter_context(
            ThreadPoolExecutor(self._settings.parser_processes, thread_name_prefix="parse")
        )
        # Entered last, so that on leaving the children end before their threads are awaited.
        self._pool = self._resources.enter_context(ParserPool(self._settings))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._resources.close()

    def parsed(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, ParsedDocument | Rejection]]:
        """Yield every task with what became of it, as they finish.

        Args:
            tasks: Drawn in this thread, a few more than there are children.
        """
        running: dict[Future[ParsedDocument], Task] = {}
        is_drained = False
        while not self._cancel.is_set() and (running or not is_drained):
            while not is_drained and len(running) < self._n_ahead:
                task = next(tasks, None)
                if task is None:
                    is_drained = True
                else:
                    running[self._threads.submit(self._parse, task)] = task
            finished, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            self._tell()
            for future in finished:
                if self._cancel.is_set():
                    return  # what fails now may fail because of the interruption
                task = running.pop(future)
                yield task, _outcome(future, task)

    def _tell(self) -> None:
        doing = next(iter(self._doing.copy().values()), "")
        if doing != self._told:
            self._told = doing
            self._on_doing(doing)

    def _parse(self, task: Task) -> ParsedDocument:
        if task.record is not None:
            return parse_record(task.record)
        assert task.file is not None
        # The kept copy is named by its hash; the parser wants to see what kind of name it had.
        suffix = PurePosixPath(task.document).suffix
        is_suffix = suffix.isascii() and len(suffix) <= _MAX_SUFFIX_CHARS

        def on_scan(number: int, of: int) -> None:
            self._doing[task] = f"reading scanned page {number:,} of {of:,} of {task.name}"

        try:
            return self._pool.parse(task.file, suffix=suffix if is_suffix else "", on_scan=on_scan)
        finally:
            self._doing.pop(task, None)


def _outcome(future: Future[ParsedDocument], task: Task) -> ParsedDocument | Rejection:
    try:
        return future.result()
    except RejectedFileError as error:
        return Rejection(reason=RejectReason(error.reason), detail=error.detail)
    except Exception as error:  # noqa: BLE001 - the boundary: one file never fails the others
        return crash(error, task.document)


def crash(error: Exception, document: str) -> Rejection:
    """Log an error nobody foresaw and return what to report of its file."""
    _LOG.error("ingesting %r failed", document, exc_info=error)
    detail = f"an unexpected {type(error).__name__}; the log has the details, report it"
    return Rejection(reason=RejectReason.CRASHED, detail=detail)
