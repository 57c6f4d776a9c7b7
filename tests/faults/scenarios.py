"""What is interrupted: short stories of one data dir, each step acknowledged once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from assistant.access import OPERATOR
from assistant.errors import StoreError
from assistant.store.backup import back_up
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.layout import Layout
from assistant.store.restore import restore
from assistant.store.runs import StoredSuite
from assistant.store.types import JobKind, JobState
from assistant.store.writer import CatalogWriter, open_writer
from ingest import parse_ahead
from ingest import worker as worker_module
from ingest.parsing.protocol import OnScan, ignore
from ingest.parsing.registry import parse_file
from ingest.pipeline import ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files
from ingest.types import ParsedDocument
from ingest.uploads import open_upload, receive
from ingest.worker import Worker
from models.fakes import FakeEmbedder

Done = Callable[[], None]
"""Called once a step is acknowledged: from then on it must not be lost."""
SETTINGS = IngestSettings(parser_processes=1)
COLLECTION, OTHER_COLLECTION = "handbook", "board"
READER = "ann"
GROUP = "staff"
OLD_FILES = {
    "leave.md": "# Leave\n\nThe annual leave is 27 working days.\n\nUnused days expire in March.\n",
    "travel.txt": "Travel by train is booked in second class. Taxis need a reason.\n",
}
NEW_FILES = {
    "leave.md": "# Leave\n\nThe annual leave is 30 working days.\n\nUnused days expire in May.\n",
    "pets.md": "# Pets\n\nDogs may come on Fridays.\n\nCats stay at home.\n",
}
BOARD_FILES = {"minutes.txt": "The board meets on the first Monday of a month.\n"}
FIRST_BACKUP, NEXT_BACKUP = "first.tar", "next.tar"
SENT = {"sent.txt": "The canteen opens at eleven and closes at two.\n"}


@dataclass(frozen=True, slots=True)
class Place:
    """A data dir and the files that it is filled from, below one folder."""

    root: Path

    @property
    def data_dir(self) -> Path:
        """What is interrupted."""
        return self.root / "data"

    @property
    def backups(self) -> Path:
        """Where backups lie: one of the beginning, and one that is made."""
        return self.root / "backups"

    @property
    def restored(self) -> Path:
        """Where a backup is restored to."""
        return self.root / "elsewhere" / "data"

    def files(self, name: str) -> Path:
        """A folder of documents."""
        return self.root / name


class InProcessParser:
    """Parses in this process: these files are our own, and children would take most of the time."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to end."""

    def parse(
        self, path: Path, *, suffix: str | None = None, on_scan: OnScan = ignore
    ) -> ParsedDocument:
        """Parse a file."""
        return parse_file(path, self._settings, suffix=suffix, on_scan=on_scan)


def prepare(place: Place) -> None:
    """Make the files and a data dir with two collections, of which the reader may read one."""
    for name, texts in {
        "old": OLD_FILES,
        "new": {**OLD_FILES, **NEW_FILES},
        "board": BOARD_FILES,
        "fewer": {"leave.md": OLD_FILES["leave.md"]},
    }.items():
        folder = place.files(name)
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
    with open_writer(place.data_dir) as writer:
        for collection in (COLLECTION, OTHER_COLLECTION):
            writer.people.add_collection(collection)
        writer.people.add_group(GROUP)
        writer.people.add_user(READER, groups=[GROUP])
        writer.people.grant(COLLECTION, GROUP)
        _take_in(place, writer, "old", COLLECTION, lambda: None)
        _take_in(place, writer, "board", OTHER_COLLECTION, lambda: None)
        _show_to_people(place, writer)
    place.backups.mkdir()
    back_up(place.data_dir, place.backups / FIRST_BACKUP)
    place.restored.parent.mkdir()
    _leave_behind(Layout(place.data_dir))


def _show_to_people(place: Place, writer: CatalogWriter) -> None:
    """Have a conversation and an evaluation hold text of a document that will be deleted."""
    (shown,) = [
        one for one in writer.catalog.list_documents(OPERATOR) if one.document == "travel.txt"
    ]
    text = OLD_FILES["travel.txt"].strip()
    reply = {
        "id": "1",
        "status": "answered",
        "answer": text,
        "sentences": [{"text": text, "support": "supported", "citations": [0]}],
        "citations": [{"document": "travel.txt", "document_id": shown.document_id, "quote": text}],
        "passages": [{"document": "travel.txt", "document_id": shown.document_id, "text": text}],
        "withheld": [],
    }
    writer.catalog.conversations.add_turn(None, "operator", "How do I travel?", reply)
    case = {"id": "1", "question": "How do I travel?", "answerable": False}
    suite = StoredSuite(properties={"name": "travel", "page_tolerance": 0}, cases=[case])
    run = writer.catalog.runs.begin({"suites": {"travel": ""}, "subject": {}}, [suite])
    writer.catalog.runs.keep_reply(run.run_id, 0, reply)


def _leave_behind(layout: Layout) -> None:
    """Put there what a killed writer leaves: the next one removes it."""
    for path in (
        layout.index / "0123456789abcdef.faiss",
        layout.originals / "begun.partial",
        layout.originals / "00" / ("0" * 64),
        layout.blocks / "999" / "1-0.kv",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")


def take_in(place: Place, done: Done) -> None:
    """Take in a folder with a changed, a new and an unchanged document."""
    _swap(place, "new")
    with open_writer(place.data_dir) as writer:
        _take_in(place, writer, "old", COLLECTION, done)
    done()


def prune(place: Place, done: Done) -> None:
    """Take in a folder from which a document has gone."""
    _swap(place, "fewer")
    with open_writer(place.data_dir) as writer:
        _take_in(place, writer, "old", COLLECTION, lambda: None, prune=True)
    done()


def delete(place: Place, done: Done) -> None:
    """Delete a document."""
    with open_writer(place.data_dir) as writer:
        for document in writer.catalog.list_documents(OPERATOR):
            if document.document == "travel.txt":
                writer.delete_document(document.document_id)
    done()


def remove_collection(place: Place, done: Done) -> None:
    """Remove a collection with its documents and grants."""
    with open_writer(place.data_dir) as writer:
        if any(one.name == COLLECTION for one in writer.catalog.people.collections()):
            writer.remove_collection(COLLECTION)
    done()


def grant(place: Place, done: Done) -> None:
    """Let the reader into the other collection, and out of the first."""
    with open_catalog(place.data_dir) as catalog:
        people = catalog.edit_people("operator")
        people.grant(OTHER_COLLECTION, GROUP)
        done()
        people.revoke(COLLECTION, GROUP)
    done()


def upload(place: Place, done: Done) -> None:
    """Receive a file, then take it in."""
    with open_catalog(place.data_dir) as catalog:
        if _send(catalog, Layout(place.data_dir), SENT):
            done()
        _work_off(place, catalog)
    done()


def pause(place: Place, done: Done) -> None:
    """Have the queue pause, receive a file, and take it in once the queue is resumed."""
    with open_catalog(place.data_dir) as catalog:
        if not any(job.n_files for job in catalog.jobs.list([JobKind.UPLOAD])):
            catalog.queue.pause("operator")
            done()
            _send(catalog, Layout(place.data_dir), SENT)
            done()
            _work(place, catalog)
        catalog.queue.resume("operator")
        done()
        _work_off(place, catalog)
    done()


def start(place: Place, done: Done) -> None:
    """Begin on a data dir that a killed writer left: what it left half done is removed."""
    with open_writer(place.data_dir):
        done()


def rebuild(place: Place, done: Done) -> None:
    """Make the index anew."""
    with open_writer(place.data_dir) as writer:
        writer.rebuild_index()
    done()


def make_backup(place: Place, done: Done) -> None:
    """Back up the data dir."""
    if not (place.backups / NEXT_BACKUP).exists():
        back_up(place.data_dir, place.backups / NEXT_BACKUP)
    done()


def restore_backup(place: Place, done: Done) -> None:
    """Make another data dir of the first backup."""
    if not place.restored.exists():
        restore(place.backups / FIRST_BACKUP, place.restored)
    done()


SCENARIOS: dict[str, Callable[[Place, Done], None]] = {
    "take in": take_in,
    "prune": prune,
    "delete": delete,
    "remove a collection": remove_collection,
    "grant": grant,
    "upload": upload,
    "pause": pause,
    "start": start,
    "rebuild": rebuild,
    "back up": make_backup,
    "restore": restore_backup,
}
OUTSIDE = {"back up", "restore"}
"""Scenarios that write beside the data dir: all below `Place.root` is tampered with."""


def _take_in(
    place: Place,
    writer: CatalogWriter,
    folder: str,
    collection: str,
    done: Done,
    *,
    prune: bool = False,
) -> None:
    parse_ahead.ParserPool = InProcessParser  # type: ignore[assignment,misc]
    ingest(
        find_files([place.files(folder)], leave_out=place.data_dir),
        collection=collection,
        writer=writer,
        embedder=FakeEmbedder(),
        settings=SETTINGS,
        prune=prune,
        on_outcomes=lambda _: done(),
    )


def _swap(place: Place, name: str) -> None:
    """Have the folder that was taken in hold other files; again if that was done before."""
    if place.files(name).exists():
        place.files("old").rename(place.files("was"))
        place.files(name).rename(place.files("old"))


def _work_off(place: Place, catalog: Catalog) -> None:
    for job in catalog.jobs.list([JobKind.UPLOAD]):
        # As somebody does who sees on the page that it failed, or that a file was rejected.
        if job.state is JobState.FAILED or (job.state.is_over and job.n_rejected):
            catalog.jobs.retry(job.job_id)
    _work(place, catalog)
    for job in catalog.jobs.list([JobKind.UPLOAD]):
        if job.error:
            raise StoreError(job.error)


def _work(place: Place, catalog: Catalog) -> None:
    parse_ahead.ParserPool = InProcessParser  # type: ignore[assignment,misc]
    worker_module.FAILURE_PAUSE_S = 0
    worker = Worker(
        data_dir=place.data_dir,
        jobs=catalog.jobs,
        embedder=FakeEmbedder,
        settings=SETTINGS,
        closing=Event(),
    )
    catalog.jobs.recover()
    while worker.work_once():
        pass


def _send(catalog: Catalog, layout: Layout, files: Mapping[str, str]) -> bool:
    """Send what was not sent; tell whether there was anything."""
    jobs = catalog.jobs.list([JobKind.UPLOAD])
    job_id = jobs[0].job_id if jobs else open_upload(catalog.jobs, COLLECTION, "operator")
    known = {file.document for file in catalog.jobs.files(job_id)}
    missing = {name: text for name, text in files.items() if name not in known}
    for name, text in missing.items():
        asyncio.run(
            receive(
                _body(text),
                jobs=catalog.jobs,
                layout=layout,
                job_id=job_id,
                name=name,
                settings=SETTINGS,
            )
        )
    return bool(missing)


async def _body(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
