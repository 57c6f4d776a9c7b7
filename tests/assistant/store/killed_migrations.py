"""Kill a migration before each of its changes, one after the other, until it gets through.

A program of its own: what is killed is forked from it, and only a process with one thread may fork.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from assistant.store.layout import Layout
from assistant.store.migrations import upgrade  # noqa: F401 - once, not in each process
from assistant.store.opening import open_database
from tests.assistant.store.catalog_rows import Rows, read

READING = ("BEGIN", "PRAGMA", "SELECT", "SET")


def main(data_dir: Path, step: int) -> int:
    """Return how often it was killed; each time the catalog must be as it was.

    Args:
        data_dir: With an early catalog.
        step: Kill before each change, or before each second one, and so on.
    """
    before = state(data_dir)
    n_changes = 0
    while migrate_killed_before(data_dir, n_changes):
        assert state(data_dir) == before, f"changed by what was killed before change {n_changes}"
        n_changes += step
    return n_changes // step


def state(data_dir: Path) -> Rows:
    database = open_database(Layout(data_dir))
    try:
        with database._engine.connect() as connection:
            return read(connection)
    finally:
        database.close()


def migrate_killed_before(data_dir: Path, n_changes: int) -> bool:
    """Migrate in a process that is killed after so many changes; tell whether it was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    n_left = n_changes

    def count(*_: Any) -> None:
        nonlocal n_left
        if n_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        n_left -= 1

    def count_changes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().startswith(READING):
            count()

    try:
        database = open_database(Layout(data_dir))
        event.listen(Engine, "before_cursor_execute", count_changes)
        event.listen(Engine, "commit", count)
        database.migrate()
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))
