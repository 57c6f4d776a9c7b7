"""What a PostgreSQL server is checked for, and whose catalog its database holds."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from assistant.access import OPERATOR
from assistant.errors import SettingsError, StoreError, WriterBusyError
from assistant.store import postgresql as postgresql_module
from assistant.store.backup import back_up
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.layout import Layout
from assistant.store.opening import catalog_settings
from assistant.store.restore import restore
from assistant.store.rows import ChunkRow, CollectionRow, GroupRow, UserRow
from assistant.store.types import JobKind
from assistant.store.writer import CatalogWriter, open_writer
from tests.assistant.catalogs import alter, data_dir_on, database_of, set_url
from tests.assistant.corpora import publish
from tests.assistant.store.catalog_rows import REPLY
from tests.postgres import IN_URL, OWNER, PASSWORD, PostgresServer, make_certificate


@pytest.fixture(params=["postgresql"])
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A data dir whose catalog is to be in a database of its own."""
    with data_dir_on(request.param, tmp_path / "data", request) as folder:
        yield folder


@pytest.fixture
def database(data_dir: Path, postgres_server: PostgresServer) -> str:
    """The name of the data dir's database."""
    return catalog_settings(Layout(data_dir)).url.get_secret_value().rpartition("/")[2]


def refused(data_dir: Path, match: str) -> str:
    with pytest.raises(StoreError, match=match) as caught, open_catalog(data_dir):
        pass
    assert PASSWORD not in str(caught.value)
    assert IN_URL not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("session_replication_role", "replica"),
        ("zero_damaged_pages", "on"),
    ],
)
def test_settings_that_lose_or_damage_are_refused(
    data_dir: Path, postgres_server: PostgresServer, database: str, setting: str, value: str
) -> None:
    postgres_server.run(f"ALTER DATABASE {database} SET {setting} = {value}")
    refused(data_dir, f"its setting {setting} is '{value}' instead of")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_sync_is_refused(
    data_dir: Path, postgres_server: PostgresServer, setting: str
) -> None:
    with changed_server(postgres_server, setting, "off"):
        refused(data_dir, f"its setting {setting} is 'off' instead of 'on'")
    with open_catalog(data_dir):
        pass


@contextmanager
def changed_server(server: PostgresServer, setting: str, value: str) -> Iterator[None]:
    def reload(wanted: str) -> None:
        server.run("SELECT pg_reload_conf()")
        while server.run(f"SHOW {setting}")[0][0] != wanted:
            pass

    server.run(f"ALTER SYSTEM SET {setting} = {value}")
    try:
        reload(value)
        yield
    finally:
        server.run(f"ALTER SYSTEM RESET {setting}")
        reload("on")


def test_commits_wait_for_the_disk_whatever_the_role_says(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    show = text("SHOW synchronous_commit")
    for set_to, kept in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        postgres_server.run(f"ALTER DATABASE {database} SET synchronous_commit = {set_to}")
        with database_of(data_dir) as opened, opened.writing() as session:
            assert session.scalar(show) == kept


def test_updates_are_kept_whatever_isolation_the_role_has(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    isolation = "default_transaction_isolation = 'repeatable read'"
    postgres_server.run(f"ALTER DATABASE {database} SET {isolation}")
    with database_of(data_dir) as opened:
        opened.migrate()
        with opened.writing() as session:
            session.add(GroupRow(id=1, name="0"))

        def increment() -> None:
            for _ in range(10):
                with opened.writing() as session:
                    row = session.get_one(GroupRow, 1)
                    row.name = str(int(row.name) + 1)

        threads = [threading.Thread(target=increment) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with opened.reading() as session:
            assert session.get_one(GroupRow, 1).name == "40"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ("LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", "rules of a language"),
        ("ENCODING 'SQL_ASCII'", "server_encoding is 'SQL_ASCII'"),
    ],
)
def test_databases_that_sort_or_write_otherwise_are_refused(
    data_dir: Path, postgres_server: PostgresServer, options: str, match: str
) -> None:
    with postgres_server.database("template0", options) as other:
        set_url(data_dir, postgres_server.url(other))
        refused(data_dir, match)


def test_an_old_server_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_module, "LEAST_VERSION", 99)
    refused(data_dir, "use 99 or later")


def test_a_wrong_password_and_a_missing_server_are_told_without_the_password(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    set_url(data_dir, postgres_server.url(database, user=f"{OWNER}:wrong%2Fwrong"))
    message = refused(data_dir, "password authentication failed")
    assert "wrong" not in message
    set_url(data_dir, f"postgresql://{OWNER}:{IN_URL}@127.0.0.1:1/none")
    refused(data_dir, "check that the server runs")
    set_url(data_dir, postgres_server.url("none"))
    refused(data_dir, 'database "none" does not exist')


def test_a_socket_reaches_the_same_database(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
    set_url(data_dir, postgres_server.socket_url(database))
    with open_catalog(data_dir) as catalog:
        assert [one.name for one in catalog.people.collections()] == ["docs"]


def test_a_database_of_another_data_dir_is_refused(data_dir: Path, tmp_path: Path) -> None:
    with open_writer(data_dir) as writer:
        (tmp_path / "file").write_bytes(b"words")
        original, _ = writer.keep_original(tmp_path / "file")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(Layout(data_dir).settings, other)
    refused(other, "holds the catalog of another data dir")
    with pytest.raises(StoreError, match="another data dir"), open_writer(other):
        pass
    assert original.exists()


def test_an_empty_database_beside_originals_is_refused(
    data_dir: Path, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with open_writer(data_dir) as writer:
        (tmp_path / "file").write_bytes(b"words")
        original, _ = writer.keep_original(tmp_path / "file")
        with postgres_server.database("template0") as empty:
            set_url(data_dir, postgres_server.url(empty))
            with pytest.raises(StoreError, match="missing or empty"), open_writer(data_dir):
                pass
    assert original.exists()


def test_a_data_dir_has_one_catalog_only(data_dir: Path, postgres_server: PostgresServer) -> None:
    with open_catalog(data_dir):
        pass
    url = catalog_settings(Layout(data_dir)).url.get_secret_value()
    Layout(data_dir).settings.unlink()
    refused(data_dir, "say in which with catalog.url")
    own = data_dir.with_name("own")
    with open_catalog(own):
        pass
    set_url(own, url)
    refused(own, "take out that setting")


def test_dangling_rows_and_rows_that_cannot_be_read_are_told(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    with database_of(data_dir) as opened:
        opened.migrate()
        assert opened.problems() == ()
        postgres_server.run("ALTER TABLE grants DISABLE TRIGGER ALL", database)
        alter(data_dir, "INSERT INTO grants (group_id, collection_id) VALUES (7, 7)")
        assert set(opened.problems()) == {"a row of grants refers to nothing"}
        postgres_server.run("ALTER TABLE audit RENAME TO lost", database)
        assert any('relation "audit" does not exist' in one for one in opened.problems())


def test_a_connection_that_the_server_closed_is_made_again(
    data_dir: Path, postgres_server: PostgresServer, database: str
) -> None:
    with open_catalog(data_dir) as catalog:
        assert catalog.people.collections() == ()
        postgres_server.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        assert catalog.people.collections() == ()


def test_who_waits_too_long_for_another_writer_is_told(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = ("SET LOCAL lock_timeout = 100", *postgresql_module._BEGIN_WRITING[2:])
    monkeypatch.setattr(postgresql_module, "_BEGIN_WRITING", soon)
    with database_of(data_dir) as first, database_of(data_dir) as second:
        first.migrate()

        def write() -> None:
            with second.writing() as session:
                session.add(CollectionRow(name="late"))

        with first.writing() as session:
            session.add(CollectionRow(name="first"))
            session.flush()
            with pytest.raises(StoreError, match="others kept writing; try again"):
                write()


def test_one_writer_of_a_data_dir_at_a_time(data_dir: Path) -> None:
    busy = pytest.raises(WriterBusyError, match="is writing to it")
    with open_writer(data_dir), busy, open_writer(data_dir, wait_s=0):
        pass


def test_the_server_has_to_prove_who_it_is_where_certificates_are_given(
    data_dir: Path, tmp_path: Path, postgres_server: PostgresServer, database: str
) -> None:
    encrypted = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    url = postgres_server.url(database)
    certificate = postgres_server.folder / "certificate"
    set_url(data_dir, url, f'ca_file = "{certificate}"')
    with database_of(data_dir) as opened, opened.reading() as session:
        assert session.scalar(encrypted) is True
    set_url(data_dir, url, f'ca_file = "{make_certificate(tmp_path, {})}"')
    refused(data_dir, "certificate verify failed")
    set_url(data_dir, url.replace("127.0.0.1", "localhost"), f'ca_file = "{certificate}"')
    refused(data_dir, "localhost")
    set_url(data_dir, url, 'ca_file = "/none"')
    refused(data_dir, "/none")


def documents_and_people(catalog: Catalog) -> tuple[object, ...]:
    return (
        catalog.list_documents(OPERATOR),
        catalog.people.users(),
        catalog.people.collections(),
        catalog.jobs.list(JobKind),
        catalog.conversations.list("user:1"),
    )


@pytest.fixture
def filled(writer: CatalogWriter, data_dir: Path) -> Path:
    """A data dir with something of everything, and ids that are gone."""
    writer.people.add_user("Ann")
    writer.people.add_user("Gone")
    writer.people.remove_user("Gone")
    publish(writer, "docs", a="first words", b="second words")
    publish(writer, "docs", gone="third words")
    documents = {one.document: one for one in writer.catalog.list_documents(OPERATOR)}
    writer.delete_document(documents["gone.txt"].document_id)
    writer.catalog.jobs.add(JobKind.INGEST, {"paths": ["ä"]}, "Ann")
    writer.catalog.conversations.add_turn(None, "user:1", "Which?", REPLY)
    return data_dir


@pytest.mark.parametrize("data_dir", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_backup_of_either_is_restored_into_either(
    filled: Path,
    tmp_path: Path,
    into: str,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, new = tmp_path / "backup.tar", tmp_path / "new"
    back_up(filled, file)
    with open_catalog(filled) as catalog:
        before = documents_and_people(catalog)
    with postgres_server.database("template0") as database:
        url = postgres_server.url(database) if into == "postgresql" else ""
        monkeypatch.setenv("PLINTH_CATALOG__URL", url)
        restore(file, new)
        assert (new / "catalog.sqlite").exists() == (into == "sqlite")
        with open_writer(new) as writer:
            assert documents_and_people(writer.catalog) == before
            assert writer.catalog.problems() == ()
            assert writer.catalog.audit.problems() == ()
            writer.people.add_user("New")
            publish(writer, "docs", new="new words")
        with database_of(new) as opened, opened.reading() as session:
            assert session.scalars(select(UserRow.id)).all() == [1, 3]
            assert session.scalars(select(ChunkRow.id).order_by(ChunkRow.id)).all() == [1, 2, 4]


def test_restore_into_a_database_with_a_catalog_is_refused(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(filled, tmp_path / "backup.tar")
    with pytest.raises(StoreError, match="holds a catalog already"):
        restore(tmp_path / "backup.tar", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with open_catalog(filled) as catalog:
        assert len(catalog.list_documents(OPERATOR)) == 2


def test_restore_that_fails_at_the_end_leaves_the_database_empty(
    filled: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(filled, tmp_path / "backup.tar")

    def fail(*_: object) -> None:
        raise StoreError("no room")

    monkeypatch.setattr(postgresql_module, "copy_rows", fail)
    with postgres_server.database("template0") as database:
        monkeypatch.setenv("PLINTH_CATALOG__URL", postgres_server.url(database))
        with pytest.raises(StoreError, match="no room"):
            restore(tmp_path / "backup.tar", tmp_path / "new")
        assert not (tmp_path / "new").exists()
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert postgres_server.run(tables, database) == [(0,)]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/db",
        "postgresql://u:p/a@h/db",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h/",
        "postgresql://h/db",
        "postgresql://u:secret@h/db?password=secret",
        "postgresql://u:secret@h:port/db",
        "postgresql://u:secret@h/db#x",
        "postgresql://u:secret@h/db?host=/s",
        "postgresql://u:secret@/db",
        "secret",
    ],
)
def test_other_addresses_are_refused_without_being_repeated(data_dir: Path, url: str) -> None:
    set_url(data_dir, url)
    with pytest.raises(SettingsError, match=r"catalog\.url") as caught, open_catalog(data_dir):
        pass
    assert "secret" not in str(caught.value)
    assert url not in str(caught.value)
