from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text

from assistant.errors import SchemaTooNewError, StoreError
from assistant.settings import SignInSettings
from assistant.store import database as database_module
from assistant.store.catalog import open_catalog
from assistant.store.database import HEAD, Database
from assistant.store.migrations.upgrade import migration_config, upgrade
from assistant.store.rows import Base, CollectionRow, GroupRow
from assistant.store.types import JobKind


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "catalog.sqlite")
    opened.migrate()
    yield opened
    opened.close()


def test_migrate_makes_the_schema_of_the_rows() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection)
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == HEAD


def test_migrate_of_current_schema_changes_nothing(database: Database) -> None:
    with database.writing() as session:
        session.add(CollectionRow(name="kept"))
    database.migrate()
    assert not database.needs_migration()
    with database.reading() as session:
        assert session.scalars(select(CollectionRow.name)).all() == ["kept"]


def test_migrate_from_later_schema_is_refused(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNewError, match="use the newer Plinth"):
        database.migrate()
    with pytest.raises(SchemaTooNewError):
        database.needs_migration()


def test_migrate_from_0002_keeps_what_is_there_and_adds_the_queue(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0002")
        for row in (
            "collections (id, name) VALUES (1, 'hr')",
            "conversations VALUES ('c1', 'ada', 'How many days?', '2026-01-02T03:04:05+00:00')",
            "turns VALUES (1, 'c1', 'How many days?', '{}', '2026-01-02T03:04:05+00:00', NULL, '')",
            "turn_documents VALUES (1, 'd1')",
        ):
            connection.execute(text(f"INSERT INTO {row}"))
    engine.dispose()
    with open_catalog(tmp_path) as catalog:
        assert [one.name for one in catalog.people.collections()] == ["hr"]
        (conversation,) = catalog.conversations.list("ada")
        assert (conversation.conversation_id, conversation.n_turns) == ("c1", 1)
        job_id = catalog.jobs.add(JobKind.UPLOAD, {}, "ada")
        catalog.jobs.add_file(job_id, "a.txt", 5)
        assert catalog.jobs.get(job_id).n_waiting == 1
        assert catalog.problems() == ()


def test_migrate_that_leaves_orphans_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE children (parent INTEGER REFERENCES parents (id))")
        connection.execute("INSERT INTO children VALUES (1)")
    connection.close()
    database = Database(path)
    with pytest.raises(StoreError, match="refer to nothing"):
        database.migrate()
    assert database.needs_migration()
    database.close()


def test_writing_from_many_threads_loses_no_update(database: Database) -> None:
    with database.writing() as session:
        session.add(GroupRow(id=1, name="0"))

    def increment() -> None:
        for _ in range(25):
            with database.writing() as session:
                row = session.get_one(GroupRow, 1)
                row.name = str(int(row.name) + 1)

    threads = [threading.Thread(target=increment) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.get_one(GroupRow, 1).name == "200"


def test_writing_that_fails_changes_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(CollectionRow(name="lost"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.reading() as session:
        assert session.scalars(select(CollectionRow)).all() == []


def test_reading_while_a_writer_is_open_sees_the_state_before(database: Database) -> None:
    with database.writing() as session:
        session.add(CollectionRow(name="new"))
        session.flush()
        with database.reading() as other:
            assert other.scalars(select(CollectionRow)).all() == []


def test_error_of_the_database_is_a_store_error_without_values(database: Database) -> None:
    def add_twice() -> None:
        with database.writing() as session:
            session.add_all([CollectionRow(name="secret"), CollectionRow(name="secret")])

    with pytest.raises(StoreError, match="UNIQUE") as caught:
        add_twice()
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)


def test_database_on_a_file_that_is_none_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Database(path).needs_migration()


def test_database_where_a_pragma_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", "soon")
    with pytest.raises(StoreError, match="busy_timeout"):
        Database(tmp_path / "catalog.sqlite").needs_migration()


def test_database_with_an_old_sqlite_keeps_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "WAL_RESET_FIXED", (99,))
    database = Database(tmp_path / "catalog.sqlite")
    database.migrate()
    with database.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "delete"
    database.close()


def test_problems_of_dangling_row_are_told(database: Database, tmp_path: Path) -> None:
    assert database.problems() == ()
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("INSERT INTO grants VALUES (7, 7)")
    connection.close()
    assert set(database.problems()) == {"a row of grants refers to nothing"}


@pytest.mark.parametrize("names", [("Bob", "bob"), ("bob", "Bob"), ("ann", "Bob")])
def test_migrate_from_0004_gives_everybody_a_name_of_their_own(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with engine.begin() as connection:
        upgrade(connection, "0004")
        connection.execute(text("INSERT INTO groups (id, name) VALUES (1, 'staff')"))
        for number, name in enumerate(names, 1):
            connection.execute(
                text(
                    "INSERT INTO users (id, name, role, suspended) VALUES (:id, :name, 'admin', 0)"
                ),
                {"id": number, "name": name},
            )
            connection.execute(text(f"INSERT INTO memberships VALUES ({number}, 1)"))
    engine.dispose()
    with open_catalog(tmp_path) as catalog:
        users = catalog.people.users()
        assert sorted(one.name for one in users) == sorted(names)
        assert {one.groups for one in users} == {("staff",)}
        accounts = catalog.accounts(SignInSettings())
        for name in names:
            accounts.set_password(name, f"three words of {name}", by="test")
        for name in names:
            secret = accounts.sign_in(name, f"three words of {name}", browser="", address="")
            person = accounts.person(secret)
            assert person is not None
            assert person.name == name


def test_ids_of_people_are_never_given_again(database: Database) -> None:
    with database.reading() as session:
        made = session.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'users'"))
    assert "AUTOINCREMENT" in str(made)
