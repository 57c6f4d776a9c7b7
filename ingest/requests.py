"""What can be asked of the process that ingests, as it waits in the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import UnknownNameError
from assistant.store.jobs import AGAIN
from assistant.store.types import JobFile
from assistant.store.writer import CatalogWriter
from ingest.types import FileOutcome, FileStatus, Rejection, RejectReason

UPLOADS = "uploads"
"""What the source of files sent through the web app is called, in every collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """Bring a collection in line with files and folders."""

    paths: tuple[Path, ...]
    """Absolute; empty for files that are sent."""
    collection: str
    """Made when there is none."""
    groups: tuple[str, ...] = ()
    """May read the collection from then on."""
    prune: bool = False
    only: tuple[str, ...] | None = None
    """Of a folder, the files to read, by document; the others count as there. None: all."""
    is_watched: bool = False
    """Whether a watched folder asks: then nothing is pruned if most of it has gone."""
    tries_again: bool = False
    """Whether files that were put aside are tried again."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a job holds it."""
        return {
            "paths": [str(path) for path in self.paths],
            "collection": self.collection,
            "groups": list(self.groups),
            "prune": self.prune,
            "only": None if self.only is None else list(self.only),
            "watched": self.is_watched,
            AGAIN: self.tries_again,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> IngestRequest:
        """Read what `to_json` wrote, or an earlier Plinth."""
        only = value.get("only")
        return IngestRequest(
            paths=tuple(map(Path, value["paths"])),
            collection=value["collection"],
            groups=tuple(value["groups"]),
            prune=value["prune"],
            only=None if only is None else tuple(only),
            is_watched=value.get("watched", False),
            tries_again=value.get(AGAIN, False),
        )


def prepare_collection(writer: CatalogWriter, collection: str, groups: Sequence[str]) -> None:
    """Make the collection if there is none and grant it; unknown groups are an error first.

    Raises:
        UnknownNameError: no such group.
        InvalidNameError: no collection can be called that.
    """
    known_groups = {group.name for group in writer.catalog.people.groups()}
    if unknown := [name for name in groups if name not in known_groups]:
        message = f"no group {unknown[0]!r}; `plinth groups list` shows the names"
        raise UnknownNameError(message)
    if collection not in {known.name for known in writer.catalog.people.collections()}:
        writer.people.add_collection(collection)
    for group in groups:
        writer.people.grant(collection, group)


def job_file(outcome: FileOutcome) -> JobFile:
    """Return an outcome as the queue keeps it."""
    rejection = outcome.rejection
    return JobFile(
        file_id=0,
        document=outcome.document,
        size_bytes=0,
        status=outcome.status.value,
        reason=rejection.reason.value if rejection else None,
        detail=rejection.detail if rejection else None,
        n_pages=outcome.n_pages,
        n_chunks=outcome.n_chunks,
        flags=outcome.flags,
    )


def outcome_of(file: JobFile) -> FileOutcome | None:
    """Return the outcome that the queue keeps; None while the file waits."""
    if file.status is None:
        return None
    rejection = None
    if file.reason is not None:
        rejection = Rejection(reason=RejectReason(file.reason), detail=file.detail or "")
    return FileOutcome(
        document=file.document,
        status=FileStatus(file.status),
        rejection=rejection,
        n_pages=file.n_pages,
        n_chunks=file.n_chunks,
        flags=file.flags,
    )
