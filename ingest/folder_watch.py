"""Folders that are followed: what comes, changes and goes there becomes jobs of the queue.

By looking, again and again: network file systems tell nobody what changes on them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from assistant.access import OPERATOR_NAME
from assistant.errors import StoreError
from assistant.store.index import now
from assistant.store.jobs import Jobs
from assistant.store.types import Job, JobKind, JobState, WatchedFolder
from assistant.store.watched import WatchedFolders
from ingest.errors import SourceUnavailableError
from ingest.requests import IngestRequest
from ingest.settings import WatchedFolderSettings
from ingest.sources import FoundFile, Listing, find_sources, list_files

_LOG = logging.getLogger(__name__)
MOST_OF_THE_TIME = 50
"""A look is followed by so many times its own length, at least."""
NOTED_EVERY = timedelta(seconds=60)
"""How often it is noted that nothing has changed: each note is a transaction."""
MOST_NAMED = 2_000
"""Files that a job names; where more have changed, it reads the whole folder."""
KEPT_JOBS = 10
"""Jobs of a folder that did not go well and stay listed; of the others, the latest."""

_Mark = tuple[int, int, bool]


class FolderWatch:
    """Follows one folder. For one thread: a disk that does not answer must not stop anything else.

    A file is taken in as soon as two looks find it with the same size and time.

    Args:
        wanted: What to follow.
        jobs: The queue.
        watched: Where it is told how that goes.
        data_dir: Never a part of what is followed.
    """

    def __init__(
        self,
        wanted: WatchedFolderSettings,
        *,
        jobs: Jobs,
        watched: WatchedFolders,
        data_dir: Path,
    ) -> None:
        self._wanted = wanted
        self._jobs = jobs
        self._watched = watched
        self._data_dir = data_dir.resolve()
        self._queued: dict[str, _Mark] = {}
        self._last: dict[str, _Mark] | None = None
        self._is_first_job = True
        self._noted: WatchedFolder | None = None

    def run(self, closing: Event, *, every_s: float) -> None:
        """Look again and again until closed."""
        while not closing.is_set():
            began_s = time.monotonic()
            try:
                self.look()
            except StoreError as error:
                _LOG.warning("the watched folder %s could not be followed: %s", self.name, error)
            took_s = time.monotonic() - began_s
            closing.wait(max(every_s, MOST_OF_THE_TIME * took_s))

    @property
    def name(self) -> str:
        """The folder, as the settings name it."""
        return str(self._wanted.folder)

    def look(self) -> None:
        """Look once, and queue what is settled and new.

        Raises:
            StoreError: the catalog cannot be read or written.
        """
        try:
            listing = self._listing()
        except (SourceUnavailableError, OSError) as error:
            self._last = None
            self._note(0, 0, f"{error}; its documents stay as they are")
            return
        marks = {file.document: _mark(file) for file in listing.files}
        last, self._last = self._last, marks
        settled = {name for name, mark in marks.items() if last and last.get(name) == mark}
        changed = sorted(name for name in settled if self._queued.get(name) != marks[name])
        gone = [name for name in self._queued if name not in marks and name not in (last or marks)]
        self._note(len(marks), len(marks) - len(settled), _unlisted(listing))
        has_gone = self._wanted.prune and (bool(gone) or self._is_first_job)
        if last is not None and (changed or has_gone) and self._make_room():
            self._queue(changed)
            for name in gone:
                del self._queued[name]
            self._queued.update((name, marks[name]) for name in changed)

    def _listing(self) -> Listing:
        (source,) = find_sources([self._wanted.folder])
        if source.names is not None:
            raise SourceUnavailableError(f"{self.name!r} is no folder")
        if source.root.is_relative_to(self._data_dir):
            raise SourceUnavailableError(f"{self.name!r} lies in the data dir; watch another one")
        return list_files(source, leave_out=self._data_dir)

    def _make_room(self) -> bool:
        """Forget earlier jobs that say nothing any more; tell whether none is under way."""
        jobs = [job for job in self._jobs.list([JobKind.INGEST]) if self._is_ours(job)]
        if any(not job.state.is_over for job in jobs):
            return False
        troubled = [job for job in jobs if job.state is not JobState.DONE or job.n_rejected]
        for job in jobs:
            if job not in troubled[:KEPT_JOBS]:
                self._jobs.remove_if_over(job.job_id)
        return True

    def _is_ours(self, job: Job) -> bool:
        request = IngestRequest.from_json(job.request)
        is_same = request.paths == (self._wanted.folder,)
        return request.is_watched and is_same and request.collection == self._wanted.collection

    def _queue(self, changed: Sequence[str]) -> None:
        request = IngestRequest(
            paths=(self._wanted.folder,),
            collection=self._wanted.collection,
            prune=self._wanted.prune,
            # Many names would slow every look at the queue; read too early, a file is read again.
            only=tuple(changed) if len(changed) <= MOST_NAMED else None,
            is_watched=True,
        )
        self._jobs.add(JobKind.INGEST, request.to_json(), OPERATOR_NAME)
        self._is_first_job = False

    def _note(self, n_files: int, n_unsettled: int, error: str | None) -> None:
        look = WatchedFolder(
            folder=self.name,
            collection=self._wanted.collection,
            looked_at=now(),
            n_files=n_files,
            n_unsettled=n_unsettled,
            error=error,
        )
        if self._noted is None or _says_more(look, self._noted):
            self._watched.note(look)
            self._noted = look


def _mark(file: FoundFile) -> _Mark:
    return file.size_bytes, file.modified_ns, file.rejection is None


def _unlisted(listing: Listing) -> str | None:
    if not listing.unlisted:
        return None
    n_more = len(listing.unlisted) - 1
    others = f" and {n_more:,} other folders" if n_more else ""
    return f"{listing.unlisted[0]!r}{others} in it cannot be listed; give their rights to this user"


def _says_more(look: WatchedFolder, noted: WatchedFolder) -> bool:
    same = (look.n_files, look.n_unsettled, look.error) == (
        noted.n_files,
        noted.n_unsettled,
        noted.error,
    )
    age = datetime.now(UTC) - datetime.fromisoformat(noted.looked_at)
    return not same or age >= NOTED_EVERY
