"""From every earlier schema, with rows in all of its tables, in either kind of database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from assistant.access import OPERATOR
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.database import HEAD, Database
from assistant.store.layout import Layout
from assistant.store.migrations.upgrade import migration_config, upgrade
from assistant.store.postgresql import PostgresDatabase
from assistant.store.rows import Base
from assistant.store.types import JobKind
from assistant.store.writer import open_writer
from assistant.types import DocumentId
from tests.assistant.catalogs import data_dir_on, database_of
from tests.assistant.corpora import open_retriever, publish
from tests.assistant.store import catalog_rows
from tests.assistant.store.catalog_rows import ADDED, ROWS, SPENT, Rows

SCRIPTS = ScriptDirectory.from_config(migration_config())
REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions())


@pytest.fixture
def data_dir(data_dir: Path) -> Path:
    """A data dir; one in PostgreSQL has an empty database, without even a schema."""
    with database_of(data_dir) as database:
        if isinstance(database, PostgresDatabase):
            with database._writing_engine.begin() as connection:
                connection.execute(text("DROP SCHEMA public CASCADE"))
                connection.execute(text("CREATE SCHEMA public"))
    return data_dir


def kind_of(data_dir: Path) -> str:
    return "postgresql" if Layout(data_dir).catalog_id.exists() else "sqlite"


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    with database._writing_engine.begin() as connection:
        yield connection


def make_catalog(data_dir: Path, revision: str) -> Rows:
    """Make a catalog as an earlier Plinth left it, and return its rows."""
    with database_of(data_dir) as database, connected(database) as connection:
        upgrade(connection, revision)
        if isinstance(database, PostgresDatabase):
            database.claim(connection)
        return catalog_rows.fill(connection)


def expected(before: Rows, table: str, key: tuple[Any, ...], column: str) -> Any:
    row = before[table][key]
    if column in row:
        return row[column]
    (written,) = (one for one in ROWS[table] if written_key(before, table, one) == key)
    return ADDED.get((table, column), written[column])


def written_key(before: Rows, table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    names = [column.name for column in Base.metadata.tables[table].primary_key]
    return tuple(row[name] for name in names)


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """All that the database keeps of its tables, as it would make them again."""
    if connection.dialect.name == "sqlite":
        made = connection.execute(text("SELECT type, name, sql FROM sqlite_master"))
        return {(row.type, row.name, *clauses(str(row.sql))) for row in made}
    parts = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, ordinal_position"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    )
    return {tuple(map(str, row)) for part in parts for row in connection.execute(text(part))}


def clauses(statement: str) -> list[str]:
    """Return the parts of a statement in one order: of a table's constraints it means nothing."""
    parts, depth = [""], 0
    for character in " ".join(statement.split()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (character == "," and depth == 1) or (character == "(" and depth == 1):
            parts.append("")
        else:
            parts[-1] += character
    return sorted(part.strip(" )") for part in parts)


def test_head_is_the_newest_migration() -> None:
    assert SCRIPTS.get_current_head() == REVISIONS[-1] == HEAD


@pytest.mark.parametrize("revision", REVISIONS)
def test_migrate_keeps_every_row_and_ends_in_the_schema_of_a_new_catalog(
    data_dir: Path, tmp_path: Path, request: pytest.FixtureRequest, revision: str
) -> None:
    before = make_catalog(data_dir, revision)
    with database_of(data_dir) as database:
        with connected(database) as connection:
            promised = [
                table
                for table in SPENT
                if table in before and catalog_rows.gives_no_id_twice(connection, table)
            ]
        assert database.needs_migration() == (revision != HEAD)
        database.migrate()
        assert not database.needs_migration()
        with connected(database) as connection:
            after = catalog_rows.read(connection)
            found = schema(connection)
            context = MigrationContext.configure(
                connection, opts={"include_name": lambda name, *_: name != "data_dir"}
            )
            assert compare_metadata(context, Base.metadata) == []
        assert database.problems() == ()
    del before["alembic_version"], after["alembic_version"]
    for table, rows in before.items():
        assert after[table].keys() == rows.keys()
        for key, row in after[table].items():
            assert row == {column: expected(before, table, key, column) for column in row}
    assert not any(after[table] for table in after.keys() - before.keys())
    with (
        data_dir_on(kind_of(data_dir), tmp_path / "new", request) as new,
        database_of(new) as database,
    ):
        database.migrate()
        with connected(database) as connection:
            assert found == schema(connection)
    with database_of(data_dir) as database, connected(database) as connection:
        for table in promised:
            assert catalog_rows.insert_again(connection, table) > SPENT[table]["id"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_catalog_of_every_earlier_schema_is_read_and_goes_on(data_dir: Path, revision: str) -> None:
    held = make_catalog(data_dir, revision)
    with open_catalog(data_dir) as catalog:
        require_documents(catalog)
        require_people(catalog)
        if "conversations" in held:
            (conversation,) = catalog.conversations.list("user:1")
            turns = catalog.conversations.turns(conversation.conversation_id, "user:1", OPERATOR)
            assert [(turn.turn_id, turn.reply) for turn in turns] == [
                (1, catalog_rows.REPLY),
                (2, catalog_rows.REPLY),
            ]
        if "jobs" in held:
            (ingest,) = catalog.jobs.list([JobKind.INGEST])
            assert (ingest.job_id, ingest.error) == (2, "no disk")
            if "queue_pauses" in held:
                assert catalog.jobs.begin() is None
                catalog.queue.resume("Ann")
            upload = catalog.jobs.begin()
            assert upload is not None
            assert (upload.job_id, upload.n_bytes, upload.n_files) == (1, 3_000_000_000, 2)
        n_noted = len(held.get("audit", ())) + bool(held.get("queue_pauses"))
        assert len(catalog.audit.entries(limit=9)) == n_noted
        assert catalog.audit.problems() == ()
        assert catalog.row_problems() == ()
    with open_writer(data_dir) as writer:
        writer.rebuild_index()
        assert writer.catalog.problems() == ()
        publish(writer, "docs", new="New words.")
        ann = writer.catalog.people.readable_set("Ann")
    with open_retriever(data_dir) as retriever:
        found = {hit.chunk.text for hit in retriever.retrieve("words", 9, ann)}
        assert found >= {"Old words.", "More words of the guide.", "New words."}


def require_documents(catalog: Catalog) -> None:
    listed = catalog.list_documents(OPERATOR)
    assert [(one.collection, one.document) for one in listed] == [
        ("board", "Straße/paper.txt"),
        ("docs", "guide.txt"),
    ]
    guide = catalog.document(DocumentId("d1"), OPERATOR)
    assert [page.text for page in guide.pages] == [catalog_rows.PAGE]
    assert len(guide.versions) == 2
    (rejected,) = catalog.rejected_files()
    assert (rejected.document, rejected.detail) == ("locked.pdf", "it needs a password")


def require_people(catalog: Catalog) -> None:
    users = {one.name: one for one in catalog.people.users()}
    assert [(name, one.role.value, one.groups) for name, one in sorted(users.items())] == [
        ("Ann", "employee", ("staff",)),
        ("Bob", "admin", ("board",)),
        ("bob", "evaluator", ()),
    ]
    assert users["bob"].suspended
    assert 1 in catalog.people.readable_set("Ann").collections


@pytest.mark.slow
def test_migration_killed_at_any_change_leaves_the_earlier_schema_with_its_rows(
    data_dir: Path,
) -> None:
    make_catalog(data_dir, REVISIONS[0])
    step = "4" if kind_of(data_dir) == "sqlite" else "7"
    command = [sys.executable, "-m", "tests.assistant.store.killed_migrations", str(data_dir), step]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    with open_catalog(data_dir) as catalog:
        require_documents(catalog)
