"""What the catalog's database promises, whichever it is."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from assistant.errors import SchemaTooNewError, StoreError
from assistant.store.database import Database
from assistant.store.rows import CollectionRow, GroupRow
from tests.assistant.catalogs import database_of


@pytest.fixture
def database(data_dir: Path) -> Iterator[Database]:
    with database_of(data_dir) as opened:
        opened.migrate()
        yield opened


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

    with pytest.raises(StoreError, match=r"(?i)unique") as caught:
        add_twice()
    assert "secret" not in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


INCREMENT = """
import sys
from pathlib import Path
from assistant.store.layout import Layout
from assistant.store.opening import open_database
from assistant.store.rows import GroupRow

database = open_database(Layout(Path(sys.argv[1])))
for _ in range(25):
    with database.writing() as session:
        row = session.get_one(GroupRow, 1)
        row.name = str(int(row.name) + 1)
database.close()
"""


def test_writing_from_many_processes_loses_no_update(database: Database, data_dir: Path) -> None:
    with database.writing() as session:
        session.add(GroupRow(id=1, name="0"))
    command = [sys.executable, "-c", INCREMENT, str(data_dir)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    with database.reading() as session:
        assert session.get_one(GroupRow, 1).name == "100"


def test_reading_sees_one_state_however_often_it_looks(database: Database) -> None:
    count = select(func.count()).select_from(CollectionRow)
    with database.reading() as session:
        assert session.scalar(count) == 0
        with database.writing() as other:
            other.add(CollectionRow(name="new"))
        assert session.scalar(count) == 0
    with database.reading() as session:
        assert session.scalar(count) == 1


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO groups VALUES (1, 'g')", "CREATE TABLE t (i int)", "DROP TABLE audit"],
)
def test_reading_changes_nothing(database: Database, statement: str) -> None:
    def write() -> None:
        with database.reading() as session:
            session.execute(text(statement))
            session.commit()

    with pytest.raises(StoreError, match=r"read-?only"):
        write()
    assert database.problems() == ()


def test_an_id_that_was_given_is_not_given_again(database: Database) -> None:
    given = []
    for _ in range(3):
        with database.writing() as session:
            row = CollectionRow(name="docs")
            session.add(row)
            session.flush()
            given.append(row.id)
            session.commit()
        with database.writing() as session:
            session.delete(session.get_one(CollectionRow, given[-1]))
    assert given == sorted(set(given))


def test_what_refers_to_nothing_is_refused(database: Database) -> None:
    dangling = text("INSERT INTO grants (group_id, collection_id) VALUES (7, 7)")
    with pytest.raises(StoreError, match=r"(?i)foreign key"), database.writing() as session:
        session.execute(dangling)
    assert database.problems() == ()
