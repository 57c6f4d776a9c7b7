"""The SQLite file: connections that keep their promises, short sessions, migrations at opening."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from assistant.errors import SchemaTooNewError, StoreError

HEAD = "0005"
"""The newest schema revision; equals the head of `migrations/versions`."""
BUSY_TIMEOUT_MS = 60_000
"""A publish that merges the largest segments writes for some ten seconds."""
WAL_RESET_FIXED = (3, 51, 3)
"""Earlier SQLite can corrupt a write-ahead log when connections reset it at the same time."""


def _driver() -> ModuleType:
    try:
        from pysqlite3 import dbapi2  # brings a newer SQLite than most systems have
    except ImportError:
        return sqlite3
    return dbapi2  # type: ignore[no-any-return]


class Database:
    """One SQLite file. Thread-safe; close it when done.

    Args:
        path: The file; made when missing, its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        driver = _driver()
        wal = driver.sqlite_version_info >= WAL_RESET_FIXED
        self._journal = "wal" if wal else "delete"
        self._engine: Engine = create_engine(
            f"sqlite:///{path}",
            module=driver,
            hide_parameters=True,  # document text stays out of errors and logs
        )
        event.listen(self._engine, "connect", self._configure)
        event.listen(self._engine, "begin", _begin)
        self._writing_engine = self._engine.execution_options(plinth_begin="IMMEDIATE")

    def _configure(self, connection: Any, _record: object) -> None:
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

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the catalog; keep it short.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._translated("read"), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that nobody writes beside; all of it is committed at the end, or none.

        Raises:
            StoreError: the file cannot be written.
        """
        with (
            self._translated("write"),
            Session(self._writing_engine, autoflush=False) as session,
            session.begin(),
        ):
            yield session

    def migrate(self) -> None:
        """Bring the schema to `HEAD`; the caller holds the writer's lock.

        Raises:
            SchemaTooNewError: a later Plinth wrote the file.
        """
        with self._translated("migrate"), self._engine.connect() as connection:
            if self._revision(connection) == HEAD:
                return
            from assistant.store.migrations.upgrade import upgrade  # alembic takes a while

            connection.rollback()
            # Rebuilding a table drops the rows that refer to it while foreign keys are on, and
            # the switch works outside a transaction only.
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

    def needs_migration(self) -> bool:
        """Tell whether the schema differs from `HEAD`.

        Raises:
            SchemaTooNewError: a later Plinth wrote the file.
        """
        with self._translated("read"), self._engine.connect() as connection:
            return self._revision(connection) != HEAD

    def _revision(self, connection: Connection) -> str | None:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
        if not connection.scalar(text(tables)):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision is not None and revision > HEAD:
            message = (
                f"cannot open {str(self._path)!r}: its schema {revision!r} is later than this "
                f"Plinth's {HEAD!r}; use the newer Plinth"
            )
            raise SchemaTooNewError(message)
        return revision

    def forget_deleted(self) -> None:
        """Overwrite what deleted rows left in the write-ahead log, where no reader needs it."""
        with self._translated("write"), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def problems(self) -> tuple[str, ...]:
        """Return what SQLite finds wrong with the file; empty for a sound one."""
        with self._translated("check"), self._engine.connect() as connection:
            found = [str(row[0]) for row in connection.execute(text("PRAGMA quick_check"))]
            orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
        problems = [line for line in found if line != "ok"]
        problems += [f"a row of {row[0]} refers to nothing" for row in orphans]
        return tuple(problems)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            message = (
                f"cannot {doing} {str(self._path)!r}: {cause}; check the disk's space and "
                "permissions, or restore a backup"
            )
            raise StoreError(message) from error


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("plinth_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
