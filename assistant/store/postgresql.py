"""The catalog in PostgreSQL: what a file promises, promised by a server.

Writers are serialised by an advisory lock of the database, taken before a transaction's first
statement and freed with it. Who holds the writer's lock is another matter: that guards the files of
a data dir, and is a file in it, which the kernel frees. A database belongs to one data dir.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    ForeignKeyConstraint,
    Text,
    and_,
    cast,
    create_engine,
    exists,
    func,
    literal,
    make_url,
    select,
    text,
)

from assistant.errors import RESTORE, StoreError
from assistant.settings import LOOPBACK_NAMES, CatalogSettings
from assistant.store.copying import copy_rows
from assistant.store.database import Database, Freed
from assistant.store.files import write_durably
from assistant.store.rows import Base
from assistant.store.sqlite import SqliteDatabase

LOCK_TIMEOUT_MS = 60_000
"""As with SQLite: a publish that merges the largest segments writes for some ten seconds."""
CONNECT_TIMEOUT_S = 10
LEAST_VERSION = 14
REQUIRED = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "session_replication_role": ("origin",),
    "zero_damaged_pages": ("off",),
    "server_encoding": ("UTF8",),
}
"""Settings of the server, or of the role, without which something acknowledged can be lost or a
reference can dangle, with the values that will do."""
_WRITER_KEY = int.from_bytes(b"plinth", "big")
_CONFIGURE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)
_ACTUAL = "SELECT name, setting FROM pg_settings WHERE name IN ({})".format(  # noqa: S608 - no values
    ", ".join(f"'{name}'" for name in (*REQUIRED, "server_version_num"))
)
_BEGIN_READING = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Whatever the role's default is: each statement sees what was committed when it began, and from
# the lock on nobody commits. A snapshot from before the lock would be of an earlier state.
_BEGIN_WRITING = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}",
    f"SELECT pg_advisory_xact_lock({_WRITER_KEY})",
)
_DAMAGED = ("XX001", "XX002")
"""What PostgreSQL answers for pages and indexes that are not what was written."""


class PostgresDatabase(Database):
    """One database of a PostgreSQL server, for one data dir.

    Args:
        settings: Where it is.
        data_dir_id: The file that says which data dir this is; made with the schema.
    """

    def __init__(self, settings: CatalogSettings, data_dir_id: Path) -> None:
        url = make_url(settings.url.get_secret_value()).set(drivername="postgresql+psycopg")
        self._data_dir_id = data_dir_id
        try:
            engine = create_engine(
                url,
                connect_args=_connect_options(settings, url.host),
                pool_pre_ping=True,  # a server that was restarted is found again
                hide_parameters=True,  # document text stays out of errors and logs
            )
        except ImportError as error:
            message = (
                "catalog.url names a PostgreSQL database, and its driver is not installed; run "
                "`.venv/bin/pip install -c .ci/constraints.txt -e '.[postgres]'`"
            )
            raise StoreError(message) from error
        super().__init__(engine, url.render_as_string(), engine.dialect.loaded_dbapi.Error)

    def is_missing(self) -> bool:
        """Tell whether the database holds no catalog."""
        with self._translated("read"), self._engine.connect() as connection:
            return self._revision(connection) is None

    def forget_deleted(self) -> None:
        """Leave it to the server, whose files no client can overwrite."""

    def freed(self) -> Freed:
        """Say that the server's files are not looked at."""
        return Freed(
            looked_at="nothing: freed pages and the log are the PostgreSQL server's; VACUUM there",
            n_pages=0,
            n_journal_bytes=0,
        )

    def overwrite_freed(self) -> bool:
        """Leave it to the server."""
        return False

    def copy_to(self, path: Path, on_progress: Callable[[], None] = lambda: None) -> None:
        """Write one state of the catalog into a new SQLite file, while others read and write."""
        path.unlink(missing_ok=True)
        copy = SqliteDatabase(path)
        try:
            copy.migrate()
            with (
                self._translated(f"copy to {str(path)!r}"),
                self._engine.connect() as source,
                copy.writing() as target,
            ):
                copy_rows(source, target.connection(), on_progress)
        finally:
            copy.close()

    def receive(self, source: Database) -> None:
        """Take over all rows of another catalog of the same schema, or none; there is none here.

        Raises:
            StoreError: the database holds a catalog already, or cannot be written.
        """
        with self.writing() as target, source.reading() as rows:
            connection = target.connection()
            if self._revision(connection) is not None:
                message = (
                    f"{self.called!r} holds a catalog already, and nothing is written over it; "
                    "name an empty database in catalog.url"
                )
                raise StoreError(message)
            self._make(connection)
            copy_rows(rows.connection(), connection)

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the rows; empty for sound ones.

        Every row is read, whereby the server checks its pages if it has checksums, and every
        reference followed.
        """
        problems = []
        for table in Base.metadata.sorted_tables:
            try:
                with self._translated("check"), self._engine.connect() as connection:
                    # The row as text: so that values stored apart are read, too.
                    whole_row = cast(table.table_valued(), Text)
                    connection.execute(select(func.sum(func.length(whole_row))))
                    problems += [
                        f"a row of {table.name} refers to nothing"
                        for reference in table.foreign_key_constraints
                        if _dangles(connection, reference)
                    ]
            except StoreError as error:
                problems.append(str(error))
        return tuple(problems)

    def _is_current(self, connection: Connection) -> bool:
        is_current = super()._is_current(connection)
        return self._is_claimed(connection) and is_current

    def _is_claimed(self, connection: Connection) -> bool:
        """Tell whether the database is this data dir's.

        Raises:
            StoreError: it is another one's.
        """
        if connection.scalar(text("SELECT to_regclass('data_dir')")) is None:
            return False
        claimed_by = connection.scalar(text("SELECT id FROM data_dir"))
        if claimed_by is None:
            return False
        if claimed_by != self._own_id():
            message = (
                f"{self.called!r} holds the catalog of another data dir, whose files are not "
                "here; give the --data-dir that it belongs to, or a database of its own in "
                "catalog.url"
            )
            raise StoreError(message)
        return True

    def _own_id(self) -> str | None:
        try:
            return self._data_dir_id.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _upgrade(self, connection: Connection) -> None:
        with connection.begin():
            self._make(connection)

    def _make(self, connection: Connection) -> None:
        from assistant.store.migrations.upgrade import upgrade  # alembic takes a while

        upgrade(connection)
        self.claim(connection)

    def claim(self, connection: Connection) -> None:
        """Make the database this data dir's, within a writing transaction.

        The file comes first: if all ends here, it is of a database without a catalog.
        """
        if self._is_claimed(connection):
            return
        own_id = self._own_id()
        if own_id is None:
            own_id = uuid.uuid4().hex
            write_durably(self._data_dir_id.parent, [own_id.encode()], self._data_dir_id.name)
        connection.execute(text("CREATE TABLE IF NOT EXISTS data_dir (id varchar PRIMARY KEY)"))
        connection.execute(text("INSERT INTO data_dir VALUES (:id)"), {"id": own_id})

    def _configure(self, connection: Any, record: object) -> None:  # noqa: ARG002 - an event's
        cursor = connection.cursor()
        cursor.execute(_CONFIGURE)
        cursor.execute(_ACTUAL)
        actual = dict(cursor.fetchall())
        version = int(actual["server_version_num"]) // 10_000
        if version < LEAST_VERSION:
            raise self._unfit(f"it is PostgreSQL {version}; use {LEAST_VERSION} or later")
        for name, allowed in REQUIRED.items():
            if actual[name] not in allowed:
                raise self._unfit(
                    f"its setting {name} is {actual[name]!r} instead of {allowed[0]!r}, with which "
                    "documents can be lost or damaged; correct it there"
                )
        cursor.execute("SELECT 'B' < 'a' AND 'z' < 'ä'")
        ((sorts_by_code_point,),) = cursor.fetchall()
        if not sorts_by_code_point:
            raise self._unfit(
                "it sorts by the rules of a language; make the database with `createdb "
                "--template=template0 --locale=C --encoding=UTF8`"
            )
        cursor.close()
        connection.commit()

    def _unfit(self, why: str) -> StoreError:
        return StoreError(f"cannot use {self.called!r}: {why}")

    def _begin(self, connection: Connection) -> None:
        statements = _BEGIN_WRITING if self._is_writing(connection) else (_BEGIN_READING,)
        for statement in statements:
            connection.exec_driver_sql(statement)

    def _explained(self, error: Any) -> tuple[str, str]:
        code = getattr(error, "sqlstate", None)
        if code is None:
            said = " ".join(str(error).split())
            return said, "check that the server runs and that catalog.url is right"
        if code == "55P03":
            return "others kept writing", "try again"
        if code.startswith("22"):  # the message repeats the value
            return f"a value does not fit ({code})", "report this"
        said = f"{error.diag.message_primary} ({code})"
        return said, RESTORE if code in _DAMAGED else "check the server's log"

    def _shown(self, error: Exception) -> None:
        del error  # its details hold values of rows


def _connect_options(settings: CatalogSettings, host: str | None) -> dict[str, Any]:
    """Return what the driver is told besides the address.

    A connection that leaves the machine is encrypted, and the server has to prove its name.
    """
    options: dict[str, Any] = {
        "application_name": "plinth",
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_TIMEOUT_S,
    }
    if settings.ca_file or not (host is None or host in LOOPBACK_NAMES):
        options["sslmode"] = "verify-full"
        options["sslrootcert"] = settings.ca_file or "system"
    return options


def _dangles(connection: Connection, reference: ForeignKeyConstraint) -> bool:
    """Tell whether a row refers to one that is not there."""
    referring, referred = reference.table, reference.referred_table.alias()
    pairs = [(one.parent, referred.c[one.column.name]) for one in reference.elements]
    there = exists().where(and_(*(ours == theirs for ours, theirs in pairs)))
    refers = and_(*(ours.is_not(None) for ours, _ in pairs))
    lost = select(literal(1)).select_from(referring).where(refers, ~there).limit(1)
    return connection.scalar(lost) is not None
