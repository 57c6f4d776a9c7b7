"""What a data dir answers and promises, as plain data that can be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import UnknownNameError
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.layout import Layout
from assistant.store.types import JobKind
from ingest.types import FileStatus
from models.fakes import FakeEmbedder
from tests.faults.scenarios import READER, Place

QUESTIONS = ("How long is the annual leave?", "Who meets on Monday?", "train dogs canteen")
N_HITS = 10
_TAKEN_IN = {status.value: "taken in" for status in (FileStatus.INGESTED, FileStatus.UNCHANGED)}
"""Which of them it is, goes by whether it was done in one go."""

State = dict[str, Any]


def observed(place: Place) -> State:
    """Return what the operator and the reader may see and find, and what the queue promises."""
    with open_catalog(place.data_dir) as catalog:
        retriever = HybridRetriever(catalog, FakeEmbedder(), RetrievalSettings())
        readers = {"operator": OPERATOR, "reader": _readable(catalog)}
        return {
            "collections": sorted(
                [one.name, sorted(one.groups)] for one in catalog.people.collections()
            ),
            "rejected": sorted(one.document for one in catalog.rejected_files()),
            "paused": catalog.queue.current_pause() is not None,
            "queue": _queue(catalog, Layout(place.data_dir)),
        } | {name: _seen(catalog, retriever, readable) for name, readable in readers.items()}


def files_of(place: Place) -> dict[str, str]:
    """Return every file of the data dir with the hash of its bytes, but for locks and logs."""
    return {
        str(path.relative_to(place.data_dir)): _hash(path)
        for path in sorted(place.data_dir.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm", "-journal"))
    }


def holders_of(text: str, place: Place) -> list[str]:
    """Return the files of the data dir in which a text stands."""
    wanted = text.encode()
    return [
        str(path.relative_to(place.data_dir))
        for path in sorted(place.data_dir.rglob("*"))
        if path.is_file() and wanted in path.read_bytes()
    ]


def _readable(catalog: Catalog) -> ReadableSet:
    try:
        return catalog.people.readable_set(READER)
    except UnknownNameError:
        return ReadableSet()


def _seen(catalog: Catalog, retriever: HybridRetriever, readable: ReadableSet) -> State:
    documents = catalog.list_documents(readable)
    return {
        "documents": sorted([one.document, one.version, *one.flags] for one in documents),
        "hits": [
            [
                [hit.document.document, hit.chunk.text, round(hit.score, 6)]
                for hit in retriever.retrieve(question, N_HITS, readable)
            ]
            for question in QUESTIONS
        ],
    }


def _queue(catalog: Catalog, layout: Layout) -> list[Any]:
    """Return the files of every upload: taken in, or there to be."""
    return [
        [
            file.document,
            _TAKEN_IN.get(file.status, file.status)
            if file.status
            else _hash(layout.upload(job.job_id, file.document)),
        ]
        for job in catalog.jobs.list([JobKind.UPLOAD])
        for file in catalog.jobs.files(job.job_id)
    ]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
