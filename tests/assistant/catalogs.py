"""Data dirs with their catalogs in either database, and what can be done to them from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from assistant.store.database import Database
from assistant.store.layout import Layout
from assistant.store.opening import open_database
from assistant.store.rows import Base

CATALOGS = ("sqlite", "postgresql")


@contextmanager
def data_dir_on(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a data dir that is to be made, or one whose settings name a new PostgreSQL database."""
    if kind == "sqlite":
        yield folder
        return
    server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        set_url(folder, server.url(name))
        yield folder


def set_url(data_dir: Path, url: str, more: str = "") -> None:
    data_dir.mkdir(exist_ok=True)
    Layout(data_dir).settings.write_text(f'[catalog]\nurl = "{url}"\n{more}')


def database_of(data_dir: Path) -> closing[Database]:
    """Open the database of a data dir, migrated or not."""
    return closing(open_database(Layout(data_dir)))


def alter(data_dir: Path, *statements: str) -> None:
    """Change rows behind the program's back, beside open connections."""
    with database_of(data_dir) as database, database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def held(data_dir: Path) -> bytes:
    """Return all bytes of a data dir's files, and all values of a catalog that is in none."""
    found = [path.read_bytes() for path in data_dir.glob("**/*") if path.is_file()]
    if Layout(data_dir).catalog_id.exists():
        with database_of(data_dir) as database, database.reading() as session:
            for table in Base.metadata.sorted_tables:
                rows = session.execute(text(f'SELECT row_::text FROM "{table.name}" AS row_'))
                found += [row[0].encode() for row in rows]
    return b"".join(found)
