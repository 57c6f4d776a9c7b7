"""Replies that evaluations keep, as lines of JSON: text of documents that has to go with them.

A reply that shows text of a deleted document becomes a line in the run's errors: its case counts as
unscored from then on, not as wrong.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from assistant.errors import WriterBusyError
from assistant.inert import json_text
from assistant.store.files import TEMPORARY_SUFFIX, said_of_disk, sync_folder, write_durably
from assistant.store.lock import ProcessLock

ANSWERS = "answers"
"""Folder of a run with a file for each suite."""
ERRORS = "errors.jsonl"
LOCK = "run.lock"
FORGOTTEN = "its reply showed a document that was deleted"
_ID = re.compile(rb'"([0-9a-f]{32})"')
"""The id of a document, as a value of JSON."""
_LOG = logging.getLogger(__name__)


class EvaluatedReplies:
    """The replies below the folder of all runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, ids: Collection[str]) -> int:
        """Return how many replies show text of some documents."""
        return sum(
            _shows(line, ids) for path in self._files() for line in path.read_bytes().splitlines()
        )

    def runs(self, ids: Collection[str]) -> tuple[str, ...]:
        """Return the names of the runs that hold such replies."""
        found = {
            path.parent.parent.name
            for path in self._files()
            if any(_shows(line, ids) for line in path.read_bytes().splitlines())
        }
        return tuple(sorted(found))

    def forget(self, ids: Collection[str]) -> bool:
        """Take such replies out; tell whether all are gone: a run under way keeps its own for now.

        Raises:
            StoreError: the disk refuses.
        """
        is_done = True
        for path in self._files():
            with said_of_disk(path):
                for leftover in path.parent.glob(f"*{TEMPORARY_SUFFIX}"):
                    leftover.unlink(missing_ok=True)
                data = path.read_bytes()
                is_whole = data.endswith(b"\n") or not data
                if is_whole and not any(_shows(line, ids) for line in data.splitlines()):
                    continue
                run = path.parent.parent
                try:
                    with ProcessLock(run / LOCK, wait_s=0):
                        _rewrite(path, run / ERRORS, ids)
                except WriterBusyError:
                    _LOG.warning("the evaluation %s is under way; it is tidied later", run.name)
                    is_done = False
        return is_done

    def _files(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob(f"*/{ANSWERS}/*.jsonl"))


def _rewrite(path: Path, errors: Path, ids: Collection[str]) -> None:
    """Keep the other replies; what is said of the lost ones is durable first.

    What a crash cut off goes, too: it does not say any more whose text it holds.
    """
    kept: list[bytes] = []
    lost: list[bytes] = []
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            (lost if _shows(line, ids) else kept).append(line)
    with errors.open("a", encoding="utf-8") as file:
        for line in lost:
            with suppress(ValueError, KeyError, TypeError):  # a damaged line is of no case
                value = {"suite": path.stem, "id": json.loads(line)["id"], "error": FORGOTTEN}
                file.write(json_text(value) + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(errors.parent)
    write_durably(path.parent, kept, path.name)


def _shows(line: bytes, ids: Collection[str]) -> bool:
    return any(one.decode() in ids for one in _ID.findall(line))
