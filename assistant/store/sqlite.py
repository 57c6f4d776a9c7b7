"""The catalog as an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, create_engine, text

from assistant.errors import RESTORE, StoreError
from assistant.store.database import Database, Freed
from assistant.store.freed_pages import freed_pages_with_data

BUSY_TIMEOUT_MS = 60_000
"""A publish that merges the largest segments writes for some ten seconds."""
COPIED_PAGES = 4096
"""Copied at a time, 16 MiB."""
_DAMAGED = (11, 26)
"""What SQLite answers for a file that is malformed or none of its own."""
WAL_RESET_FIXED = (3, 51, 3)
"""Earlier SQLite can corrupt a write-ahead log when connections reset it at the same time."""


def _driver() -> ModuleType:
    try:
        from pysqlite3 import dbapi2  # brings a newer SQLite than most systems have
    except ImportError:
        return sqlite3
    return dbapi2  # type: ignore[no-any-return]


class SqliteDatabase(Database):
    """One SQLite file.

    Args:
        path: The file; made when missing, its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        driver = _driver()
        self._connect = driver.connect
        wal = driver.sqlite_version_info >= WAL_RESET_FIXED
        self._journal = "wal" if wal else "delete"
        engine = create_engine(
            f"sqlite:///{path}",
            module=driver,
            hide_parameters=True,  # document text stays out of errors and logs
        )
        super().__init__(engine, str(path), driver.Error)

    def is_missing(self) -> bool:
        """Tell whether there is no file, or one without a byte."""
        return not (self._path.exists() and self._path.stat().st_size)

    def forget_deleted(self) -> None:
        """Overwrite what deleted rows left in the write-ahead log, where no reader needs it."""
        with self._translated("write"), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def freed(self) -> Freed:
        """Look at the list of freed pages, and at the journal."""
        journals = [Path(f"{self._path}{suffix}") for suffix in ("-wal", "-journal")]
        return Freed(
            looked_at="all freed pages, and the journal",
            n_pages=freed_pages_with_data(self._path),
            n_journal_bytes=sum(path.stat().st_size for path in journals if path.exists()),
        )

    def overwrite_freed(self) -> bool:
        """Write the file anew without its freed pages; needs its room on the disk once more."""
        if not freed_pages_with_data(self._path):
            return False
        with self._translated("rewrite"), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA query_only=0")  # as whoever read last over it left it
            raw.execute("VACUUM")
        self.forget_deleted()
        return True

    def copy_to(self, path: Path, on_progress: Callable[[], None] = lambda: None) -> None:
        """Write one state of the catalog into a new SQLite file, while others read and write.

        With a write-ahead log nobody waits for it; without one (an old SQLite) commits do.
        """
        with self._translated(f"copy to {str(path)!r}"), self._engine.connect() as connection:
            # The transaction that this begins keeps the state; else every commit of another
            # process would make the copying begin anew.
            connection.execute(text("SELECT count(*) FROM sqlite_master")).all()
            raw: Any = connection.connection.dbapi_connection
            with closing(self._connect(str(path))) as copy:
                # Whoever needs the copy syncs it; a half one is thrown away.
                copy.execute("PRAGMA journal_mode=OFF")
                copy.execute("PRAGMA synchronous=OFF")
                raw.backup(copy, pages=COPIED_PAGES, progress=lambda *_: on_progress())

    def problems(self) -> tuple[str, ...]:
        """Return what SQLite finds wrong with the file; empty for a sound one."""
        with self._translated("check"), self._engine.connect() as connection:
            found = [str(row[0]) for row in connection.execute(text("PRAGMA quick_check"))]
            orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
        problems = [line for line in found if line != "ok"]
        problems += [f"a row of {row[0]} refers to nothing" for row in orphans]
        return tuple(problems)

    def _configure(self, connection: Any, record: object) -> None:  # noqa: ARG002 - an event's
        # The driver must not begin transactions by itself: `_begin` does.
        connection.isolation_level = None
        cursor = connection.cursor()
        wanted = {
            "busy_timeout": BUSY_TIMEOUT_MS,
            "journal_mode": self._journal,
            "synchronous": 2,
            "foreign_keys": 1,
            "secure_delete": 1,
        }
        for pragma, value in wanted.items():
            cursor.execute(f"PRAGMA {pragma}={value}")
            (actual,) = cursor.execute(f"PRAGMA {pragma}").fetchone()
            if actual != value:
                message = (
                    f"cannot open {str(self._path)!r}: SQLite keeps {pragma} at {actual!r} instead "
                    f"of {value!r} here; put the data dir on a local disk"
                )
                raise StoreError(message)
        cursor.close()

    def _begin(self, connection: Connection) -> None:
        writes = self._is_writing(connection)
        # Who reads cannot write, whatever the statement: the answer path only ever reads.
        connection.exec_driver_sql(f"PRAGMA query_only={int(not writes)}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")

    def _upgrade(self, connection: Connection) -> None:
        from assistant.store.migrations.upgrade import upgrade  # alembic takes a while

        # Rebuilding a table drops the rows that refer to it while foreign keys are on, and the
        # switch works outside a transaction only.
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                upgrade(connection)
                broken = connection.execute(text("PRAGMA foreign_key_check")).all()
                if broken:
                    message = (
                        f"cannot migrate {str(self._path)!r}: {len(broken)} rows would refer "
                        "to nothing; restore a backup and report this"
                    )
                    raise StoreError(message)
        finally:
            raw.execute("PRAGMA foreign_keys=ON")

    def _explained(self, error: BaseException) -> tuple[str, str]:
        is_damage = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
        return str(error), RESTORE if is_damage else "check the disk's space and permissions"

    def _shown(self, error: Exception) -> Exception:
        return error
