"""What `plinth doctor` examines in a data dir; each fault names what mends it."""

from __future__ import annotations

import shlex
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import RESTORE, IndexDamagedError, StoreError
from ui.cli.bytes_progress import show_bytes

if TYPE_CHECKING:
    from assistant.store.catalog import Catalog
    from assistant.store.examination import DamagedOriginal
    from ui.settings import Settings

REPAIR = "`plinth doctor --repair`"


def writable(data_dir: Path) -> str:
    """Check that there is a folder that can be written; a missing one is made."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=data_dir):
            return "can be written"
    except OSError as error:
        raise StoreError(
            f"{data_dir} cannot be written ({error.strerror}); "
            "give another --data-dir or its rights to this user"
        ) from error


def in_order(data_dir: Path) -> str:
    """Check that files are files and folders are folders, and that the catalog is there."""
    from assistant.store.layout import Layout
    from assistant.store.opening import open_database

    layout = Layout(data_dir)
    folders = (layout.index, layout.originals, layout.uploads, layout.blocks, layout.evaluations)
    files = (
        *(
            layout.catalog,
            layout.catalog_id,
            layout.settings,
            layout.audit_anchor,
            layout.audit_lock,
        ),
        *(layout.lock, layout.server_lock, layout.worker_lock, layout.server_address),
    )
    for path in (*folders, *files):
        if path.exists() and not (path.is_dir() if path in folders else path.is_file()):
            wanted = "folder" if path in folders else "file"
            raise StoreError(
                f"{path} is no {wanted}, as it has to be; move it away with "
                f"`mv {shlex.quote(str(path))} {shlex.quote(f'{path}.moved')}`"
            )
    open_database(layout).close()
    return "files and folders are in their places"


def private(data_dir: Path) -> str:
    """Tell whether the other users of the machine can read the documents: a hint, no fault.

    Whoever made the folder before Plinth may have meant it, as in a container of its own.
    """
    mode = stat.S_IMODE(data_dir.stat().st_mode)
    if mode & stat.S_IRWXO:
        return (
            f"everybody on this machine can look into {data_dir} (rights {mode:o}); if that is not "
            f"meant, close it with `chmod o= {shlex.quote(str(data_dir))}`"
        )
    return f"closed to others (rights {mode:o})"


def sound_catalog(catalog: Catalog) -> str:
    """Check the catalog's file and its rows."""
    _raise(catalog.row_problems(), f"the catalog is damaged; {RESTORE}")
    counts = catalog.counts()
    return (
        f"{counts.n_documents} documents, {counts.n_live_chunks} chunks, "
        f"{counts.n_rejected} rejected files"
    )


def sound_vectors(catalog: Catalog) -> str:
    """Check the vectors that the catalog holds."""
    n_damaged = catalog.examination.n_damaged_vectors()
    if n_damaged:
        raise StoreError(
            f"{n_damaged:,} vectors in the catalog are damaged; {REPAIR} drops them, and the next "
            "ingest makes them anew"
        )
    return "finite, of unit length and of one dimension"


def sound_index(catalog: Catalog, settings: Settings) -> str:
    """Check the index's files, and that they are of this catalog and of this embedder."""
    from assistant.errors import IndexMismatchError
    from models.factory import build_embedder

    problems = catalog.index_problems()
    if problems:
        raise IndexDamagedError("; ".join(problems))
    index = catalog.open_index(reuse={})
    fingerprint = build_embedder(settings.models).info.fingerprint
    if index.generation and index.embedder_fingerprint != fingerprint:
        raise IndexMismatchError(
            f"the index was made with another embedder than {settings.models.embedder!r}; "
            "set models.embedder back, or ingest into a new data dir"
        )
    counts = catalog.counts()
    return (
        f"generation {index.generation}: {counts.n_live_chunks} chunks in "
        f"{counts.n_segments} segments"
        + (
            f"; {counts.n_unembedded} chunks are found by their words and get their vectors "
            "with the next ingest"
            if counts.n_unembedded
            else ""
        )
    )


def sound_files(catalog: Catalog) -> str:
    """Check the bytes of all originals, and that what was sent is there."""
    with show_bytes("reading originals") as on_progress:
        damaged = catalog.examination.damaged_originals(on_progress)
    _raise_damaged(damaged)
    missing = catalog.examination.missing_uploads()
    if missing:
        raise StoreError(
            f"{_counted(missing)} that somebody sent and that wait to be taken in are missing; "
            "have them sent again"
        )
    n_leftovers = catalog.examination.n_leftovers()
    return "originals and files that wait are as they came" + (
        f"; {n_leftovers:,} files belong to nothing, which is no damage: the next ingest or start "
        "of the web app removes them"
        if n_leftovers
        else ""
    )


def sound_runs(catalog: Catalog) -> str:
    """Check that all evaluations are in the catalog."""
    if left := catalog.examination.run_folders():
        raise StoreError(
            f"evaluations of an earlier Plinth could not be taken into the catalog: "
            f"{', '.join(f'evals/{name}' for name in left)}; wait if one is under way, else remove "
            "or mend these folders"
        )
    return f"{len(catalog.runs.list())} runs"


def sound_audit_log(catalog: Catalog) -> str:
    """Check that nobody changed the audit log."""
    _raise(catalog.audit.problems(), f"keep the data dir as evidence, and {RESTORE}")
    newest = catalog.audit.entries(limit=1)
    return f"{newest[0].entry_id if newest else 0:,} entries, each as it was written"


def repaired(data_dir: Path) -> Iterator[str]:
    """Mend what can be mended without losing anything, and yield what was done.

    Raises:
        WriterBusyError: another process kept writing.
        StoreError: it could not be done.
    """
    from assistant.store.writer import open_writer

    with open_writer(data_dir) as writer:
        n_vectors = writer.forget_damaged_vectors()
        if n_vectors:
            yield f"{n_vectors:,} damaged vectors dropped"
        with show_bytes("reading originals") as on_progress:
            damaged = writer.catalog.examination.damaged_originals(on_progress)
        n_copied = sum(writer.restore_original(one) for one in damaged)
        if n_copied:
            yield f"{n_copied:,} originals copied again from where they were taken in"
        if writer.erase_deleted():
            yield "catalog written anew, so that nothing deleted stands in its freed pages"
        if not writer.catalog.current_generation():
            yield "nothing was ingested yet, so there is no index to rebuild"
            return
        generation = writer.rebuild_index()
        n_chunks = writer.catalog.counts().n_live_chunks
        yield f"index rebuilt from the catalog as generation {generation}: {n_chunks:,} chunks"


def _raise_damaged(damaged: Sequence[DamagedOriginal]) -> None:
    for can_be_copied in (True, False):
        alike = [one for one in damaged if (one.source is not None) is can_be_copied]
        if alike:
            n_missing = sum(one.is_missing for one in alike)
            what = f"{n_missing:,} missing, {len(alike) - n_missing:,} changed"
            mending = f"{REPAIR} copies them from where they were taken in"
            raise StoreError(
                f"the original bytes of {_counted([one.document for one in alike])} are damaged "
                f"({what}); {mending if can_be_copied else RESTORE}"
            )


def _raise(problems: Sequence[str], what_to_do: str) -> None:
    if problems:
        more = f" and {len(problems) - 1:,} more" if len(problems) > 1 else ""
        raise StoreError(f"{problems[0]}{more}; {what_to_do}")


def _counted(names: Sequence[str]) -> str:
    return f"{len(names):,} files, as {names[0]!r}," if len(names) > 1 else repr(names[0])
