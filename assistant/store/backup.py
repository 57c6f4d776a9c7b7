"""A backup: one file with all of a data dir that cannot be made anew, taken while it is in use.

It holds one state of the catalog and the files that this state names: originals, files that were
sent and wait; and settings, evaluations and the audit log's anchor. Index and computed passages
are derived, so they are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select

from assistant.access import OPERATOR_NAME
from assistant.errors import RESTORE, StoreError
from assistant.store.archive import READ_BYTES, ArchiveWriter, Member
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.database import HEAD
from assistant.store.files import said_of_disk, sync_folder, work_folder
from assistant.store.layout import Layout
from assistant.store.named_files import named_originals, named_uploads
from assistant.store.opening import open_database
from assistant.store.originals import Originals
from assistant.store.rows import DocumentRow
from assistant.store.sqlite import SqliteDatabase
from assistant.store.types import AuditAction

FORMAT = 1
"""What later Plinths that write otherwise count up."""
MOST_SNAPSHOTS = 20
"""One more is taken whenever files that the last one names have been deleted meanwhile."""

OnProgress = Callable[[int, int], None]
"""Takes the bytes that are done, and about how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup holds."""

    file: Path
    n_bytes: int
    n_documents: int
    n_originals: int
    n_waiting: int
    """Files that were sent and are still to be taken in, or were refused."""
    missing: tuple[str, ...]
    """Files that the catalog names and that are not in the data dir; relative to it."""
    changed: tuple[str, ...]
    """Originals that are not what was taken in; they are in the backup as they are."""
    is_recorded: bool
    """Whether the audit log says that it was made; not where the data dir cannot be written."""


def back_up(
    data_dir: Path,
    file: Path,
    *,
    by: str = OPERATOR_NAME,
    on_progress: OnProgress = lambda _done, _all: None,
) -> BackupReport:
    """Write a backup of a data dir, which may be in use; nobody waits for it.

    Atomicity: the file appears whole, synced and for its owner only, or not at all.

    Args:
        data_dir: The data dir.
        file: Where to; there is none yet.
        by: In whose name, for the audit log.
        on_progress: Called now and then; what it raises ends the backup, and nothing is left.

    Raises:
        StoreError: there is nothing to back up, the file cannot be written there, the catalog is
            damaged, or documents were deleted all the time.
        WriterBusyError: another process is writing the same backup.
    """
    layout = Layout(data_dir)
    with said_of_disk(file.parent), _opened(data_dir) as catalog:
        target = _free_place(file, data_dir)
        with work_folder(target) as folder:
            written = folder / "backup"
            fd = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as out:
                packing = _Packing(layout, catalog, out, on_progress)
                n_documents = packing.pack(folder / "catalog.sqlite")
                out.flush()
                os.fsync(out.fileno())
            report = packing.report(written, n_documents)
            _require_free(target)
            written.rename(target)
            sync_folder(target.parent)
        return _recorded(catalog, replace(report, file=target), by)


@contextmanager
def _opened(data_dir: Path) -> Iterator[Catalog]:
    if not data_dir.is_dir() or _is_empty(Layout(data_dir)):
        message = f"no documents in {str(data_dir)!r} to back up; give the --data-dir that has them"
        raise StoreError(message)
    with open_catalog(data_dir) as catalog:
        yield catalog


def _is_empty(layout: Layout) -> bool:
    with closing(open_database(layout)) as database:
        return database.is_missing()


def _free_place(file: Path, data_dir: Path) -> Path:
    """Return where a backup is to stand, links followed."""
    try:
        parent = file.parent.resolve(strict=True)
    except OSError as error:
        message = f"the folder {str(file.parent)!r} cannot be used ({error.strerror}); make it"
        raise StoreError(message) from error
    if parent.is_relative_to(data_dir.resolve()):
        message = (
            f"{str(file)!r} lies in the data dir, with which it would be lost; give a place "
            "elsewhere, best on another disk"
        )
        raise StoreError(message)
    target = parent / file.name
    _require_free(target)
    return target


def _require_free(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{str(target)!r} exists already; give another name, or remove it first")


def _recorded(catalog: Catalog, report: BackupReport, by: str) -> BackupReport:
    try:
        catalog.audit.note(
            by,
            AuditAction.BACKED_UP,
            report.file.name,
            documents=report.n_documents,
            bytes=report.n_bytes,
        )
    except StoreError:  # the backup may be made because the disk is full or fails
        return report
    return replace(report, is_recorded=True)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to be packed."""

    name: str
    path: Path
    sha256: str | None = None
    """What it has to be; None where nobody knows."""


@dataclass(slots=True)
class _Packing:
    """A backup under way."""

    layout: Layout
    catalog: Catalog
    out: BinaryIO
    on_progress: OnProgress
    members: dict[str, Member] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)
    n_bytes: int = 0
    """About how many there are."""

    def pack(self, snapshot: Path) -> int:
        """Write all members and return how many documents there are.

        A file that the catalog names may be deleted, with its document, before it is read. Then
        another state of the catalog is taken, and so on until all that it names is packed: what a
        later state adds, or a file that is missing in two states, and so for good. What was
        packed and is named no more goes when the backup is restored.
        """
        archive = ArchiveWriter(self.out, _about())
        for _ in range(MOST_SNAPSHOTS):
            anchor = _bytes_of(self.layout.audit_anchor)  # never later than the catalog beside it
            snapshot.unlink(missing_ok=True)
            self.catalog.copy_to(snapshot, self._report)
            n_documents, named = _named(self.layout, snapshot)
            missing_before, self.missing = self.missing, self._pack_named(archive, named)
            if self.missing <= missing_before:
                break
        else:
            message = "documents were deleted all the time while the backup was made; try again"
            raise StoreError(message)
        for source in _evaluations(self.layout):
            self._pack(archive, source)
        for path, content in (
            (self.layout.settings, _bytes_of(self.layout.settings)),
            (self.layout.calibration, _bytes_of(self.layout.calibration)),
            (self.layout.audit_anchor, anchor),
        ):
            if content is not None:
                archive.add(path.name, len(content), [content])
        self._pack(archive, _Source(self.layout.catalog.name, snapshot))
        snapshot.unlink()
        archive.end()
        return n_documents

    def report(self, file: Path, n_documents: int) -> BackupReport:
        """Return what was packed."""
        folders = [name.partition("/")[0] for name in self.members]
        return BackupReport(
            file=file,
            n_bytes=file.stat().st_size,
            n_documents=n_documents,
            n_originals=folders.count(self.layout.originals.name),
            n_waiting=folders.count(self.layout.uploads.name),
            missing=tuple(sorted(self.missing)),
            changed=tuple(self.changed),
            is_recorded=False,
        )

    def _pack_named(self, archive: ArchiveWriter, sources: list[_Source]) -> set[str]:
        """Pack what is not packed yet and return the names of what is not there."""
        wanted = [source for source in sources if source.name not in self.members]
        self.n_bytes = self.out.tell() + sum(map(_size, wanted))
        return {source.name for source in wanted if not self._pack(archive, source)}

    def _pack(self, archive: ArchiveWriter, source: _Source) -> bool:
        try:
            file = source.path.open("rb")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(source.path, error) from error
        with file:
            n_bytes = os.fstat(file.fileno()).st_size
            member = archive.add(source.name, n_bytes, self._blocks(source.path, file, n_bytes))
        self.members[source.name] = member
        if source.sha256 not in (None, member.sha256):
            self.changed.append(source.name)
        return True

    def _blocks(self, path: Path, file: BinaryIO, n_left: int) -> Iterator[bytes]:
        """Yield so many bytes: what somebody appends meanwhile is left out."""
        while n_left:
            try:
                block = file.read(min(n_left, READ_BYTES))
            except OSError as error:
                raise _unreadable(path, error) from error
            if not block:
                return
            n_left -= len(block)
            yield block
            self._report()

    def _report(self) -> None:
        n_done = self.out.tell()
        self.on_progress(n_done, max(n_done, self.n_bytes))


def _about() -> dict[str, object]:
    try:
        plinth = version("plinth")
    except PackageNotFoundError:  # run from its sources
        plinth = "unknown"
    return {
        "format": FORMAT,
        "plinth": plinth,
        "schema": HEAD,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _named(layout: Layout, snapshot: Path) -> tuple[int, list[_Source]]:
    """Return how many documents a state of the catalog has, and the files that it names."""
    originals = Originals(layout.originals)
    database = SqliteDatabase(snapshot)
    try:
        problems = database.problems()
        if problems:
            message = (
                f"the catalog is damaged ({problems[0]}) and a backup of it worth nothing; "
                f"{RESTORE}"
            )
            raise StoreError(message)
        with database.reading() as session:
            n_documents = session.scalar(select(func.count()).select_from(DocumentRow)) or 0
            versions = named_originals(session)
            uploads = named_uploads(session, with_rejected=True)
    finally:
        database.close()
    sources = [
        _Source(name_of(layout, path), path) for path in (layout.upload(*one) for one in uploads)
    ]
    sources += [
        _Source(name_of(layout, originals.path(one)), originals.path(one), one) for one in versions
    ]
    return n_documents, sources


def _evaluations(layout: Layout) -> Iterator[_Source]:
    """Yield the files of evaluations but for locks and what is being written."""
    for folder, folders, names in os.walk(layout.evaluations):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            is_meant = not name.startswith(".") and path.suffix != ".lock"
            if is_meant and path.is_file() and not path.is_symlink():
                yield _Source(name_of(layout, path), path)


def name_of(layout: Layout, path: Path) -> str:
    """Return what a file of a data dir is called in a backup."""
    return path.relative_to(layout.root).as_posix()


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _size(source: _Source) -> int:
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{str(path)!r} cannot be read for the backup ({error.strerror}); check the disk and the "
        "file's rights, `plinth doctor` says more"
    )
