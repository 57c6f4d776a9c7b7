"""The seam to the SQL database that holds the catalog: short sessions, migrations at opening."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from assistant.errors import SchemaTooNewError, StoreError

HEAD = "0012"
"""The newest schema revision; equals the head of `migrations/versions`."""
_WRITES = "plinth_writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What deleted rows left outside the tables."""

    looked_at: str
    n_pages: int
    """Of the file, on its list of freed pages, that are not all zeros."""
    n_journal_bytes: int
    """Not yet part of the file; more than 0 while somebody writes."""


class Database(ABC):
    """One catalog. Thread-safe; close it when done.

    What every implementation promises: what is committed survives a power cut, on a disk that keeps
    what it says it keeps, and settings of the database that would break this are refused with the
    first connection; whoever writes, writes alone, so no update is lost; an id of a collection, a
    person, a content, a chunk, a generation, a turn or a job is never given a second time. Errors
    hold neither values of rows nor passwords.

    Args:
        engine: Of the implementation's dialect.
        called: What messages call the database.
        driver_error: Root of the driver's errors.

    Attributes:
        called: The same.
    """

    def __init__(self, engine: Engine, called: str, driver_error: type[Exception]) -> None:
        self._engine = engine
        self.called = called
        self._driver_error = driver_error
        event.listen(engine, "connect", self._configure)
        event.listen(engine, "begin", self._begin)
        self._writing_engine = engine.execution_options(**{_WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the catalog and can change nothing; keep it short.

        Raises:
            StoreError: the catalog cannot be read.
        """
        with self._translated("read"), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that nobody writes beside; all of it is committed at the end, or none.

        Raises:
            StoreError: the catalog cannot be written.
        """
        with (
            self._translated("write"),
            Session(self._writing_engine, autoflush=False) as session,
            session.begin(),
        ):
            yield session

    def migrate(self) -> None:
        """Bring the schema to `HEAD`, all of it or nothing; the caller holds the writer's lock.

        Raises:
            SchemaTooNewError: a later Plinth wrote the catalog.
            StoreError: it is another data dir's.
        """
        with self._translated("migrate"), self._writing_engine.connect() as connection:
            if not self._is_current(connection):
                connection.rollback()
                self._upgrade(connection)

    def needs_migration(self) -> bool:
        """Tell whether the schema differs from `HEAD`.

        Raises:
            SchemaTooNewError: a later Plinth wrote the catalog.
            StoreError: it is another data dir's.
        """
        with self._translated("read"), self._engine.connect() as connection:
            return not self._is_current(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @abstractmethod
    def is_missing(self) -> bool:
        """Tell whether there is no catalog yet; makes none."""

    @abstractmethod
    def forget_deleted(self) -> None:
        """Overwrite what deleted rows left outside the tables, as far as this program can."""

    @abstractmethod
    def freed(self) -> Freed:
        """Look at what deleted rows left outside the tables."""

    @abstractmethod
    def overwrite_freed(self) -> bool:
        """Overwrite what `freed` counts, if there is any; tell whether there was."""

    @abstractmethod
    def copy_to(self, path: Path, on_progress: Callable[[], None] = lambda: None) -> None:
        """Write one state of the catalog into a new SQLite file, while others read and write.

        Args:
            path: The file; what is there is overwritten.
            on_progress: Called now and then; what it raises ends the copying.

        Raises:
            StoreError: the catalog cannot be read, or the copy not be written.
        """

    @abstractmethod
    def problems(self) -> tuple[str, ...]:
        """Return what the database finds wrong with the catalog; empty for a sound one."""

    def _is_current(self, connection: Connection) -> bool:
        return self._revision(connection) == HEAD

    def _revision(self, connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision is not None and revision > HEAD:
            message = (
                f"cannot open {self.called!r}: its schema {revision!r} is later than this "
                f"Plinth's {HEAD!r}; use the newer Plinth"
            )
            raise SchemaTooNewError(message)
        return revision

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, self._driver_error) as error:
            cause, what_to_do = self._explained(getattr(error, "orig", None) or error)
            message = f"cannot {doing} {self.called!r}: {cause}; {what_to_do}"
            raise StoreError(message) from self._shown(error)

    @staticmethod
    def _is_writing(connection: Connection) -> bool:
        return bool(connection.get_execution_options().get(_WRITES))

    @abstractmethod
    def _configure(self, connection: Any, record: object) -> None:
        """Have a new connection of the driver keep the promises, or refuse it."""

    @abstractmethod
    def _begin(self, connection: Connection) -> None:
        """Begin a transaction; see `_is_writing`."""

    @abstractmethod
    def _upgrade(self, connection: Connection) -> None:
        """Bring the schema to `HEAD` in one transaction."""

    @abstractmethod
    def _explained(self, error: BaseException) -> tuple[str, str]:
        """Return what an error of the driver says, without values, and what to do about it."""

    @abstractmethod
    def _shown(self, error: Exception) -> Exception | None:
        """Return the error that logs may show as the cause; None where it holds values."""
