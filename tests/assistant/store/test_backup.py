"""A backup taken beside a writer, and the data dir that it gives."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.errors import (
    BackupDamagedError,
    SchemaTooNewError,
    StoreError,
    WriterBusyError,
)
from assistant.settings import SignInSettings
from assistant.store import backup as backup_module
from assistant.store.archive import ArchiveReader, ArchiveWriter
from assistant.store.backup import back_up
from assistant.store.catalog import open_catalog
from assistant.store.files import work_folder
from assistant.store.layout import Layout
from assistant.store.restore import check_backup, restore
from assistant.store.types import AuditAction, JobKind
from assistant.store.writer import CatalogWriter, open_writer
from tests.assistant.corpora import open_retriever, publish

TEXTS = {"a": "first words", "b": "second words"}


def bytes_of(name: str, text: str) -> bytes:
    """Return what `publish` says a document was read from."""
    return f"{name.title()}\f{text}".encode()


def publish_files(writer: CatalogWriter, folder: Path, **texts: str) -> None:
    """Publish documents whose original bytes are kept."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "file").write_bytes(bytes_of(name, text))
        writer.keep_original(folder / "file")
    publish(writer, "docs", **texts)


def send(data_dir: Path, name: str, content: bytes) -> Path:
    """Have a file wait in the queue."""
    layout = Layout(data_dir)
    with open_catalog(data_dir) as catalog:
        job_id = catalog.jobs.add(JobKind.UPLOAD, {}, "ann")
        path = layout.upload(job_id, name)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        catalog.jobs.add_file(job_id, name, len(content))
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def filled(data_dir: Path, tmp_path: Path) -> Path:
    """A data dir with something of all there is."""
    with open_writer(data_dir, wait_s=0) as writer:
        writer.people.add_collection("docs")
        writer.people.add_user("ann")
        publish_files(writer, tmp_path / "files", **TEXTS)
    send(data_dir, "sent.txt", b"sent words")
    (data_dir / "plinth.toml").write_text("[answer]\nmin_confidence = 0.5\n")
    (data_dir / "calibration.json").write_text("{}")
    (data_dir / "evals" / "suites").mkdir(parents=True)
    (data_dir / "evals" / "suites" / "Our suite.csv").write_text("question,answer\n")
    (data_dir / "evals" / "run.lock").write_text("process 1")
    return data_dir


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "b.tar"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new" / "data"


def names_in(file: Path) -> list[str]:
    with file.open("rb") as source:
        return [entry.name for entry in ArchiveReader(source, file).entries()]


def found(data_dir: Path, query: str = "words") -> list[tuple[str, str]]:
    with open_retriever(data_dir) as retriever:
        hits = retriever.retrieve(query, 10, OPERATOR)
        return [(hit.document.document, hit.chunk.text) for hit in hits]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_restored_data_dir_holds_and_finds_what_was_backed_up(
    filled: Path, file: Path, new: Path
) -> None:
    report = back_up(filled, file)
    assert (report.n_documents, report.n_originals, report.n_waiting) == (2, 2, 1)
    assert (report.missing, report.changed, report.is_recorded) == ((), (), True)
    assert report.n_bytes == file.stat().st_size
    assert not any(name.startswith(("index", "blocks")) for name in names_in(file))
    assert not any(name.endswith((".lock", "-wal", "-shm")) for name in names_in(file))
    restored = restore(file, new)
    assert (restored.n_documents, restored.n_chunks, restored.n_originals) == (2, 2, 2)
    assert restored.n_missing == 0
    assert found(new) == found(filled)
    kept = ("originals", "uploads", "evals", "plinth.toml", "calibration.json")
    for name in files_below(filled) - {"evals/run.lock"}:
        if name.startswith(kept):
            assert (new / name).read_bytes() == (filled / name).read_bytes()
    with open_catalog(new) as catalog:
        assert catalog.problems() == ()
        assert catalog.audit.problems() == ()
        (job,) = catalog.jobs.list([JobKind.UPLOAD])
        assert [one.document for one in catalog.jobs.files(job.job_id)] == ["sent.txt"]
    assert stat.S_IMODE(new.stat().st_mode) == 0o700


def test_backup_can_be_read_by_its_owner_only_and_stands_alone(filled: Path, file: Path) -> None:
    old = os.umask(0)
    try:
        back_up(filled, file)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_who_made_and_who_restored_it_stands_in_the_audit_log(
    filled: Path, file: Path, new: Path
) -> None:
    back_up(filled, file, by="ann")
    with open_catalog(filled) as catalog:
        (entry,) = catalog.audit.entries(action=AuditAction.BACKED_UP, limit=9)
        assert (entry.actor, entry.subject, entry.details["documents"]) == ("ann", "b.tar", 2)
    restore(file, new, by="bob")
    with open_catalog(new) as catalog:
        (entry,) = catalog.audit.entries(action=AuditAction.RESTORED, limit=9)
        assert (entry.actor, entry.details["sessions"]) == ("bob", 0)


def test_backup_of_a_data_dir_that_cannot_be_recorded_in_is_made_all_the_same(
    filled: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("assistant.store.audit.AuditLog.note", full)
    assert not back_up(filled, file).is_recorded
    check_backup(file)


def test_sessions_and_links_end_with_a_restore(filled: Path, file: Path, new: Path) -> None:
    with open_catalog(filled) as catalog:
        accounts = catalog.accounts(SignInSettings())
        signed_in = accounts.use_link(
            accounts.make_link("ann", by="operator"),
            password="quite a long pass phrase",
            browser="b",
            address="a",
        )
        link = accounts.make_link("ann", by="operator")
    back_up(filled, file)
    assert restore(file, new).n_sessions == 1
    with open_catalog(new) as catalog:
        accounts = catalog.accounts(SignInSettings())
        assert accounts.person(signed_in) is None
        assert accounts.link_owner(link) is None
        assert accounts.sessions() == ()
        assert accounts.is_password_of("ann", "quite a long pass phrase")
    with open_catalog(filled) as catalog:
        assert catalog.accounts(SignInSettings()).person(signed_in) is not None


def test_sign_in_entries_after_the_backup_leave_the_restored_audit_log_sound(
    filled: Path, file: Path, new: Path
) -> None:
    def note(_done: int, _all: int) -> None:
        with open_catalog(filled) as catalog:
            catalog.audit.note("ann", AuditAction.OPENED, "a")

    back_up(filled, file, on_progress=note)
    restore(file, new)
    with open_catalog(new) as catalog:
        assert catalog.audit.problems() == ()


# Beside others


@pytest.fixture
def after_snapshot(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[int]]:
    """Return what has something done once the first state of the catalog was taken."""

    def register(action: Callable[[], None]) -> list[int]:
        named, calls = backup_module._named, []

        def then(*args: object) -> object:
            result = named(*args)
            calls.append(1)
            if len(calls) == 1:
                action()
            return result

        monkeypatch.setattr(backup_module, "_named", then)
        return calls

    return register


def test_documents_published_meanwhile_are_left_to_the_next_backup(
    filled: Path, file: Path, new: Path, tmp_path: Path, after_snapshot
) -> None:
    def more() -> None:
        with open_writer(filled, wait_s=0) as writer:
            publish_files(writer, tmp_path / "files", c="third words")

    assert len(after_snapshot(more)) == 0
    report = back_up(filled, file)
    restore(file, new)
    assert (report.n_documents, report.missing) == (2, ())
    assert {name for name, _ in found(new)} == {"a.txt", "b.txt"}
    assert len(found(filled)) == 3


def test_document_deleted_meanwhile_breaks_nothing_and_is_not_restored(
    filled: Path, file: Path, new: Path, after_snapshot
) -> None:
    def delete() -> None:
        with open_writer(filled, wait_s=0) as writer:
            writer.delete_document(writer.catalog.list_documents(OPERATOR)[0].document_id)

    calls = after_snapshot(delete)
    report = back_up(filled, file)
    assert (report.n_documents, report.missing, len(calls)) == (1, (), 2)
    assert restore(file, new).n_missing == 0
    assert [name for name, _ in found(new)] == ["b.txt"]
    assert b"first words" not in file.read_bytes()


def test_file_that_is_taken_in_meanwhile_is_restored_as_a_document(
    data_dir: Path, file: Path, new: Path, tmp_path: Path, after_snapshot
) -> None:
    with open_writer(data_dir, wait_s=0) as writer:
        writer.people.add_collection("docs")
    sent = send(data_dir, "sent.txt", b"sent words")

    def take_in() -> None:
        with open_writer(data_dir, wait_s=0) as writer:
            publish_files(writer, tmp_path / "files", sent="sent words")
            (job,) = writer.catalog.jobs.list([JobKind.UPLOAD])
            (waiting,) = writer.catalog.jobs.files(job.job_id)
            taken_in = replace(waiting, status="ingested", n_pages=1, n_chunks=1)
            writer.catalog.jobs.report_files(job.job_id, [taken_in])
        sent.unlink()

    after_snapshot(take_in)
    report = back_up(data_dir, file)
    assert (report.n_documents, report.n_waiting, report.missing) == (1, 0, ())
    restore(file, new)
    assert found(new) == [("sent.txt", "sent words")]


def test_documents_that_are_deleted_all_the_time_end_the_backup(
    filled: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1000))

    def pack_named(self: object, *_: object) -> set[str]:
        return {str(next(numbers))}

    monkeypatch.setattr(backup_module._Packing, "_pack_named", pack_named)
    with pytest.raises(StoreError, match="try again"):
        back_up(filled, file)
    assert list(file.parent.iterdir()) == []


def test_a_writer_commits_while_the_catalog_is_copied(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.sqlite.COPIED_PAGES", 1)
    n_commits = 0

    def commit() -> None:
        nonlocal n_commits
        if n_commits < 5:
            n_commits += 1
            with open_writer(filled, wait_s=0) as writer:
                writer.people.add_group(f"group {n_commits}")

    with open_catalog(filled) as catalog:
        catalog.copy_to(tmp_path / "copy.sqlite", commit)
        assert len(catalog.people.groups()) == 5
    with sqlite3.connect(tmp_path / "copy.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM groups").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# What is damaged


def original_of(data_dir: Path, name: str) -> Path:
    sha256 = hashlib.sha256(bytes_of(name, TEXTS[name])).hexdigest()
    return data_dir / "originals" / sha256[:2] / sha256


def test_missing_and_changed_originals_are_named_and_the_rest_is_backed_up(
    filled: Path, file: Path, new: Path
) -> None:
    gone, changed = (original_of(filled, name) for name in TEXTS)
    gone.unlink()
    changed.write_bytes(b"something else")
    report = back_up(filled, file)
    assert report.missing == (str(gone.relative_to(filled)),)
    assert report.changed == (str(changed.relative_to(filled)),)
    assert restore(file, new).n_missing == 1
    assert found(new) == found(filled)
    assert (new / changed.relative_to(filled)).read_bytes() == b"something else"


def test_damaged_catalog_is_not_worth_a_backup(filled: Path, file: Path) -> None:
    with sqlite3.connect(filled / "catalog.sqlite") as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM collections")
    connection.close()
    with pytest.raises(StoreError, match=r"catalog is damaged.*plinth restore FILE --data-dir NEW"):
        back_up(filled, file)
    assert list(file.parent.iterdir()) == []


# Where a backup may stand


def test_backup_overwrites_nothing(filled: Path, file: Path) -> None:
    file.write_text("kept", encoding="utf-8")
    with pytest.raises(StoreError, match="exists already"):
        back_up(filled, file)
    file.unlink()
    file.symlink_to(file.parent / "nowhere")
    with pytest.raises(StoreError, match="exists already"):
        back_up(filled, file)
    file.unlink()

    def meanwhile(_done: int, _all: int) -> None:
        file.write_text("kept", encoding="utf-8")

    with pytest.raises(StoreError, match="exists already"):
        back_up(filled, file, on_progress=meanwhile)
    assert [path.read_text() for path in file.parent.iterdir()] == ["kept"]


@pytest.mark.parametrize("where", [".", "originals", "originals/../index"])
def test_backup_into_the_data_dir_is_refused(filled: Path, where: str) -> None:
    before = files_below(filled)
    with pytest.raises(StoreError, match="lies in the data dir"):
        back_up(filled, filled / where / "b.tar")
    assert files_below(filled) == before


def test_backup_into_a_missing_folder_or_of_nothing_is_refused(
    filled: Path, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="make it"):
        back_up(filled, tmp_path / "none" / "b.tar")
    with pytest.raises(StoreError, match="no documents"):
        back_up(tmp_path / "none", file)
    assert not (tmp_path / "none").exists()
    assert list(file.parent.iterdir()) == []


def test_two_backups_to_the_same_place_do_not_meet(filled: Path, file: Path) -> None:
    with work_folder(file), pytest.raises(WriterBusyError, match="another process is making"):
        back_up(filled, file)
    back_up(filled, file)


def test_what_a_killed_backup_left_goes_with_the_next_one(filled: Path, file: Path) -> None:
    left = file.parent / ".b.tar.partial"
    (left / "folder").mkdir(parents=True)
    (left / "backup").write_text("half of it")
    back_up(filled, file)
    assert list(file.parent.iterdir()) == [file]


@pytest.fixture(params=["full", "interrupted"])
def breaking(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, object]]:
    """Arguments with which what is being done is not done, and what it raises."""
    if request.param == "interrupted":

        def interrupt(_done: int, _all: int) -> None:
            raise KeyboardInterrupt

        yield {"on_progress": interrupt}
        return

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        yield {}


def test_backup_that_ends_early_leaves_nothing(
    filled: Path, file: Path, breaking: dict[str, object]
) -> None:
    with pytest.raises((StoreError, KeyboardInterrupt), match=r"No space left|^$"):
        back_up(filled, file, **breaking)
    assert list(file.parent.iterdir()) == []


# Where a restore may go, and what it takes


def test_restore_that_ends_early_leaves_nothing(
    filled: Path, file: Path, new: Path, breaking: dict[str, object]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.fsync", lambda _: None)
        back_up(filled, file)
    with pytest.raises((StoreError, KeyboardInterrupt), match=r"No space left|^$"):
        restore(file, new, **breaking)
    assert not new.parent.exists()


def test_restore_into_an_empty_folder_takes_its_place(filled: Path, file: Path, new: Path) -> None:
    back_up(filled, file)
    new.mkdir(parents=True)
    restore(file, new)
    assert found(new) == found(filled)
    assert list(new.parent.iterdir()) == [new]


@pytest.mark.parametrize("name", ["file", ".hidden"])
def test_restore_over_anything_is_refused(filled: Path, file: Path, new: Path, name: str) -> None:
    back_up(filled, file)
    new.mkdir(parents=True)
    (new / name).write_text("kept", encoding="utf-8")
    with pytest.raises(StoreError, match=r"is not empty.*--data-dir"):
        restore(file, new)
    assert files_below(new.parent) == {f"data/{name}"}
    with pytest.raises(StoreError, match="is not empty"):
        restore(file, new / name)


def test_restore_into_a_disks_own_folder_says_where_to(
    filled: Path, file: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(filled, file)
    new.mkdir(parents=True)
    monkeypatch.setattr(Path, "is_mount", lambda self: self == new)
    with pytest.raises(StoreError, match=f"--data-dir {new}/plinth"):
        restore(file, new)


def repacked(file: Path, about: dict[str, object] | None = None, **files: bytes | None) -> None:
    """Write a backup anew with another beginning, other files, and without some."""
    out = io.BytesIO()
    with file.open("rb") as source:
        reader = ArchiveReader(source, file)
        archive = ArchiveWriter(out, {**reader.about, **(about or {})})
        members = {entry.name: b"".join(entry.blocks) for entry in reader.entries()}
    for name, content in {**members, **files}.items():
        if content is not None:
            archive.add(name, len(content), [content])
    archive.end()
    file.write_bytes(out.getvalue())


@pytest.mark.parametrize(
    ("about", "files", "error", "says"),
    [
        ({"format": 2}, {}, SchemaTooNewError, "made by a later Plinth"),
        ({"schema": "9999"}, {}, SchemaTooNewError, "made by a later Plinth"),
        ({"format": "1"}, {}, BackupDamagedError, "does not say what it is"),
        ({"created_at": None}, {}, BackupDamagedError, "does not say what it is"),
        ({}, {"catalog.sqlite": None}, BackupDamagedError, "holds no catalog"),
        ({}, {"../escaped": b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"/tmp/escaped": b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"evals/../../escaped": b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"evals//escaped": b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"originals/ab/" + "a" * 64: b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"uploads/../" + "a" * 64: b"x"}, BackupDamagedError, "belongs to no data dir"),
        ({}, {"index/x.faiss": b"x"}, BackupDamagedError, "belongs to no data dir"),
    ],
)
def test_restore_refuses_what_it_does_not_know(
    filled: Path,
    file: Path,
    new: Path,
    about: dict[str, object],
    files: dict[str, bytes | None],
    error: type[StoreError],
    says: str,
) -> None:
    back_up(filled, file)
    repacked(file, about, **files)
    with pytest.raises(error, match=says):
        restore(file, new)
    with pytest.raises(error, match=says):
        check_backup(file)
    assert not new.parent.exists()


def test_restore_refuses_a_catalog_of_a_later_schema_whatever_the_backup_says(
    filled: Path, file: Path, new: Path
) -> None:
    back_up(filled, file)
    with file.open("rb") as source:
        entries = ArchiveReader(source, file).entries()
        catalog = next(b"".join(one.blocks) for one in entries if one.name == "catalog.sqlite")
    path = file.with_name("catalog.sqlite")
    path.write_bytes(catalog)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    repacked(file, **{"catalog.sqlite": path.read_bytes()})
    with pytest.raises(SchemaTooNewError):
        restore(file, new)
    assert not new.parent.exists()
    repacked(file, **{"catalog.sqlite": b"no database" * 1000})
    with pytest.raises(StoreError):
        restore(file, new)
    assert not new.parent.exists()


@pytest.mark.parametrize("at", [10, 600, 3_000, -100_000, -2_000, -600])
def test_restore_of_a_changed_or_cut_file_leaves_nothing(
    filled: Path, file: Path, new: Path, at: int
) -> None:
    back_up(filled, file)
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    for damaged in (bytes(content), bytes(content[:at])):
        file.write_bytes(damaged)
        for use in (check_backup, lambda one: restore(one, new)):
            with pytest.raises(BackupDamagedError, match=str(file)):
                use(file)
    assert not new.parent.exists()


def test_restore_of_no_file_says_so(file: Path, new: Path) -> None:
    with pytest.raises(StoreError, match=r"b\.tar.*No such file"):
        restore(file, new)
    with pytest.raises(StoreError, match="directory"):
        check_backup(file.parent)


def test_check_of_a_backup_writes_nothing(filled: Path, file: Path, tmp_path: Path) -> None:
    back_up(filled, file)
    before = files_below(tmp_path)
    facts = check_backup(file)
    assert facts.n_files == len(names_in(file))
    assert facts.n_bytes == file.stat().st_size
    assert files_below(tmp_path) == before


def test_the_list_of_members_says_what_each_is(filled: Path, file: Path) -> None:
    back_up(filled, file)
    listed = file.read_bytes().rpartition(b'{\n "format"')[2].partition(b"\0")[0]
    manifest = json.loads(b'{\n "format"' + listed)
    assert {"format", "plinth", "schema", "created_at", "members"} == manifest.keys()
    sizes = {one["name"]: one["bytes"] for one in manifest["members"]}
    assert sizes["plinth.toml"] == (filled / "plinth.toml").stat().st_size
    assert all(len(one["sha256"]) == 64 for one in manifest["members"])


def test_restore_of_an_empty_corpus_is_empty(data_dir: Path, file: Path, new: Path) -> None:
    with open_writer(data_dir):
        pass
    back_up(data_dir, file)
    assert restore(file, new).n_documents == 0
    with open_catalog(new) as catalog:
        assert catalog.current_generation() == 0


def test_backup_made_without_an_installed_package_says_so(
    filled: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(backup_module, "version", version)
    back_up(filled, file)
    assert check_backup(file).plinth == "unknown"


def test_folder_of_somebody_else_is_not_written_to(
    filled: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / ".b.tar.partial").mkdir()
    (file.parent / ".b.tar.partial" / "theirs").write_text("kept")
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        back_up(filled, file)
    assert files_below(file.parent) == {".b.tar.partial/theirs"}


def test_sent_files_without_a_catalog_are_not_thrown_away(data_dir: Path) -> None:
    data_dir.mkdir()
    sent = send(data_dir, "sent.txt", b"sent words")
    (data_dir / "catalog.sqlite").unlink()
    lost = pytest.raises(StoreError, match="plinth restore FILE --data-dir NEW")
    with lost, open_writer(data_dir):
        pass
    assert sent.exists()
