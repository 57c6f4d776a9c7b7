"""What an SQLite file is checked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from assistant.errors import StoreError
from assistant.settings import SignInSettings
from assistant.store import sqlite as sqlite_module
from assistant.store.catalog import open_catalog
from assistant.store.migrations.upgrade import upgrade
from assistant.store.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "catalog.sqlite")
    opened.migrate()
    yield opened
    opened.close()


def test_migrate_that_leaves_orphans_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE children (parent INTEGER REFERENCES parents (id))")
        connection.execute("INSERT INTO children VALUES (1)")
    connection.close()
    database = SqliteDatabase(path)
    with pytest.raises(StoreError, match="refer to nothing"):
        database.migrate()
    assert database.needs_migration()
    database.close()


def test_on_a_file_that_is_none_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteDatabase(path).needs_migration()


def test_where_a_pragma_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_TIMEOUT_MS", "soon")
    with pytest.raises(StoreError, match="busy_timeout"):
        SqliteDatabase(tmp_path / "catalog.sqlite").needs_migration()


def test_with_an_old_sqlite_keeps_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "WAL_RESET_FIXED", (99,))
    database = SqliteDatabase(tmp_path / "catalog.sqlite")
    database.migrate()
    with database.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "delete"
    database.close()


def test_problems_of_dangling_row_are_told(database: SqliteDatabase, tmp_path: Path) -> None:
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
