"""Makes a data dir of a backup: all of it is proven before anything of it counts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from assistant.access import OPERATOR_NAME
from assistant.errors import BackupDamagedError, SchemaTooNewError, StoreError
from assistant.store.archive import ArchiveReader, Entry
from assistant.store.backup import FORMAT, OnProgress
from assistant.store.database import HEAD
from assistant.store.files import said_of_disk, sync_folder, work_folder
from assistant.store.layout import Layout
from assistant.store.opening import catalog_settings
from assistant.store.originals import Originals
from assistant.store.postgresql import PostgresDatabase
from assistant.store.rows import SessionRow, SignInLinkRow
from assistant.store.sqlite import SqliteDatabase
from assistant.store.types import AuditAction
from assistant.store.writer import CatalogWriter, open_writer

_HASH = "[0-9a-f]{64}"
_EXPECTED = (
    re.compile(r"catalog\.sqlite|plinth\.toml|calibration\.json|audit\.json"),
    re.compile(rf"originals/(?P<prefix>[0-9a-f]{{2}})/(?=(?P=prefix)){_HASH}"),
    re.compile(rf"uploads/[1-9][0-9]{{0,17}}/{_HASH}"),
    re.compile(r"evals(/[^/\0.][^/\0]*){1,5}"),
)
"""What a backup may hold; a name is never more than one of these."""

OnStep = Callable[[str], None]
"""Takes what begins now, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """What a backup, proven whole, says of itself."""

    created_at: str
    """ISO time, UTC."""
    plinth: str
    """Which version made it."""
    schema: str
    n_files: int
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What was restored."""

    facts: BackupFacts
    n_documents: int
    n_chunks: int
    n_originals: int
    n_missing: int
    """Originals that the backup does not hold, as the data dir did not when it was made."""
    n_sessions: int
    """Sessions that were ended."""


def check_backup(file: Path, *, on_progress: OnProgress = lambda _done, _all: None) -> BackupFacts:
    """Read a backup to its end and return what it is; writes nothing.

    Raises:
        BackupDamagedError: it is no backup, or not the whole of what was written.
        SchemaTooNewError: a later Plinth made it.
        StoreError: it cannot be read.
    """
    return _read(file, None, on_progress)


def restore(
    file: Path,
    data_dir: Path,
    *,
    by: str = OPERATOR_NAME,
    on_progress: OnProgress = lambda _done, _all: None,
    on_step: OnStep = lambda _: None,
) -> RestoreReport:
    """Make a data dir of a backup, with its index; all sessions and sign-in links have ended.

    The catalog comes into the data dir, or into the PostgreSQL database that `catalog.url` names in
    the environment or in the backup's `plinth.toml`.

    Atomicity: the data dir appears whole and synced, or not at all, and then nothing is left; only
    if the machine dies in the last moment, rows may be left in a database.

    Args:
        file: The backup.
        data_dir: Missing, or an empty folder.
        by: In whose name, for the audit log.
        on_progress: Called now and then; what it raises ends it.
        on_step: Called with what begins after the backup was read.

    Raises:
        BackupDamagedError: it is no backup, or not the whole of what was written.
        SchemaTooNewError: a later Plinth made it.
        WriterBusyError: another process is restoring to the same place.
        StoreError: the data dir is not empty, or the disk is full or refuses.
    """
    with said_of_disk(data_dir), ExitStack() as making:
        target = data_dir.resolve()
        _require_empty(target)
        making.enter_context(_made(target.parent))
        folder = making.enter_context(work_folder(target))
        facts = _read(file, folder, on_progress)
        _require_sound(file, Layout(folder).catalog)
        server = making.enter_context(_empty_server(Layout(folder)))
        on_step("making the index")
        rows = SqliteDatabase(Layout(folder).catalog)
        with open_writer(folder, by=by, database=rows) as writer:
            n_sessions = _end_sessions(writer, facts, by)
            if writer.catalog.current_generation():
                writer.rebuild_index()
            report = _report(writer, Layout(folder), facts, n_sessions)
        if server is not None:
            _move_catalog(Layout(folder), server)
        _sync(folder)
        _require_empty(target)
        folder.rename(target)
        sync_folder(target.parent)
        return report


def _require_empty(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir() or any(target.iterdir()):
        message = (
            f"{str(target)!r} is not empty, and nothing is restored over anything; give a new "
            "folder with --data-dir, or move this one away"
        )
        raise StoreError(message)
    if target.is_mount():
        message = (
            f"{str(target)!r} is a disk of its own, whose folder cannot be replaced; give a new "
            f"folder on it: --data-dir {target / 'plinth'}"
        )
        raise StoreError(message)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder that is missing; where this fails, it is gone again."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        for one in reversed(missing):
            one.mkdir(mode=0o700)
            sync_folder(one.parent)
        yield
    except BaseException:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
        raise


def _read(file: Path, into: Path | None, on_progress: OnProgress) -> BackupFacts:
    try:
        source = file.open("rb")
    except OSError as error:
        raise StoreError(f"cannot read {str(file)!r}: {error.strerror}") from error
    with source:
        n_bytes = os.fstat(source.fileno()).st_size
        reader = ArchiveReader(source, file)
        about = _understood(file, reader.about)
        names = set()
        for entry in reader.entries():
            if not any(pattern.fullmatch(entry.name) for pattern in _EXPECTED):
                message = (
                    f"the backup {str(file)!r} holds {entry.name!r}, which belongs to no data dir; "
                    "use a file that `plinth backup` made"
                )
                raise BackupDamagedError(message)
            names.add(entry.name)
            for _ in _kept(entry, into):
                on_progress(reader.n_bytes_read, n_bytes)
    if "catalog.sqlite" not in names:
        raise BackupDamagedError(f"the backup {str(file)!r} holds no catalog; use another one")
    return BackupFacts(
        created_at=about["created_at"],
        plinth=about["plinth"],
        schema=about["schema"],
        n_files=len(names),
        n_bytes=n_bytes,
    )


def _understood(file: Path, about: dict[str, Any]) -> dict[str, str]:
    """Return what a backup says of itself if this Plinth can read it."""
    texts = {name: about.get(name) for name in ("created_at", "plinth", "schema")}
    n_format = about.get("format")
    if not isinstance(n_format, int) or not all(isinstance(one, str) for one in texts.values()):
        raise BackupDamagedError(
            f"{str(file)!r} does not say what it is; use a file that `plinth backup` made"
        )
    if n_format > FORMAT or str(texts["schema"]) > HEAD:
        raise SchemaTooNewError(
            f"the backup {str(file)!r} was made by a later Plinth ({texts['plinth']}); restore it "
            "with that one"
        )
    return {name: str(one) for name, one in texts.items()}


def _kept(entry: Entry, into: Path | None) -> Iterator[None]:
    """Write an entry below a folder and sync it; without one, only read it."""
    if into is None:
        for _ in entry.blocks:
            yield
        return
    path = into / entry.name
    with said_of_disk(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as out:
            for block in entry.blocks:
                out.write(block)
                yield
            out.flush()
            os.fsync(fd)


def _require_sound(file: Path, catalog: Path) -> None:
    database = SqliteDatabase(catalog)
    try:
        database.needs_migration()  # says that it is too new, whatever the backup says of itself
        problems = database.problems()
    finally:
        database.close()
    if problems:
        message = (
            f"the catalog in the backup {str(file)!r} is damaged ({problems[0]}); use an earlier "
            "backup"
        )
        raise BackupDamagedError(message)


def _end_sessions(writer: CatalogWriter, facts: BackupFacts, by: str) -> int:
    """End all sessions and sign-in links: whoever has an old cookie or link is not let in."""
    with writer.catalog.audit.recording(by) as recording:
        session = recording.session
        ended = session.scalars(delete(SessionRow).returning(SessionRow.id)).all()
        session.execute(delete(SignInLinkRow))
        recording.note(AuditAction.RESTORED, "", backup=facts.created_at, sessions=len(ended))
        return len(ended)


@contextmanager
def _empty_server(layout: Layout) -> Iterator[PostgresDatabase | None]:
    """Give the PostgreSQL database that the settings name, which is empty; None if they name none.

    Raises:
        StoreError: it holds a catalog, or cannot be used.
    """
    settings = catalog_settings(layout)
    if not settings.is_on_server:
        yield None
        return
    with closing(PostgresDatabase(settings, layout.catalog_id)) as server:
        if not server.is_missing():
            raise StoreError(
                f"{server.called!r} holds a catalog already, and nothing is restored over it; name "
                "an empty database in PLINTH_CATALOG__URL, or set that to nothing for a catalog in "
                "the data dir"
            )
        yield server


def _move_catalog(layout: Layout, server: PostgresDatabase) -> None:
    """Move the catalog from its file into a database: the last step, since it is no file."""
    with closing(SqliteDatabase(layout.catalog)) as rows:
        server.receive(rows)
    layout.catalog.unlink()


def _report(
    writer: CatalogWriter, layout: Layout, facts: BackupFacts, n_sessions: int
) -> RestoreReport:
    counts = writer.catalog.counts()
    originals = Originals(layout.originals)
    wanted = writer.catalog.named_originals()
    n_missing = sum(not originals.path(one).exists() for one in wanted)
    return RestoreReport(
        facts=facts,
        n_documents=counts.n_documents,
        n_chunks=counts.n_live_chunks,
        n_originals=len(wanted) - n_missing,
        n_missing=n_missing,
        n_sessions=n_sessions,
    )


def _sync(folder: Path) -> None:
    """Have the disk hold all names; the files were synced when they were written."""
    for one, _, _ in os.walk(folder):
        sync_folder(Path(one))
