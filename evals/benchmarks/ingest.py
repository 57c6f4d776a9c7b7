"""`ingest`: how soon a folder of PDF files is searchable, against the plain loop."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.store.writer import open_writer
from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedEmbedder,
    Quantity,
    Rounds,
    Workbench,
)
from ingest.pipeline import ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files

if TYPE_CHECKING:
    from evals.benchmarks.plain_ingest import PlainCorpus

CORPORA = ("docugami-sec10q", "contoso-benefits")
PARTS = 5
"""A round takes one: all of it would take a quarter of an hour with the least number of rounds."""
_COLLECTION = "benchmark"

PlainIngest = Callable[[Sequence[Path]], "PlainCorpus"]


class Ingest:
    """The same files into a fresh data dir, and through the plain loop."""

    name = "ingest"
    title = "a plain loop over PDF files, against `plinth ingest`: until all of them are searchable"
    quantities = (
        Quantity(name="text", unit="s", higher_is_better=False, gate=10.0),
        Quantity(name="meaning", unit="s", higher_is_better=False, gate=1.5),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Load the weights twice."""
        files = [file for name in CORPORA for file in sorted(workbench.corpus(name).rglob("*.pdf"))]
        if len(files) < PARTS:
            raise NeedMissingError(f"the corpora hold {len(files)} PDF files, {PARTS} are needed")
        opened = workbench.open_embedder()
        # Its libraries take seconds to load; a list of the benchmarks does without.
        from evals.benchmarks.plain_ingest import PlainEmbedder, plain_ingest

        plain = partial(plain_ingest, PlainEmbedder(opened.folder))
        yield _IngestRounds(opened, files, plain=plain, threads=workbench.threads)


class _IngestRounds:
    def __init__(
        self, opened: OpenedEmbedder, files: Sequence[Path], *, plain: PlainIngest, threads: int
    ) -> None:
        self._opened = opened
        self._files = files
        self._plain = plain
        self._threads = threads
        opened.embedder.embed_documents(["warm up"])
        self._n_chunks = {"baseline": 0, "plinth": 0}
        self._n_unread = 0

    @property
    def conditions(self) -> Conditions:
        return {
            "model": self._opened.embedder.info.name,
            "runtime": self._opened.runtime,
            "baseline": "pypdf by page, 130 words a chunk, encode by document, IndexFlatIP.add",
            "documents": f"{len(self._files)} of {' and '.join(CORPORA)} in {PARTS} parts, "
            "one a round; both are searchable when all documents of the part are",
            "chunks": f"{self._n_chunks['baseline']} -> {self._n_chunks['plinth']} in all rounds",
            "unread": f"{self._n_unread} documents by the baseline, which goes on without them",
            "threads": self._threads,
            "state": "weights loaded and warmed up on both sides; a fresh data dir each round",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        started_s = time.perf_counter()
        corpus = self._plain(self._part(round_index))
        seconds = time.perf_counter() - started_s
        self._n_chunks["baseline"] += len(corpus.chunks)
        self._n_unread += len(corpus.unread)
        return {"text": seconds, "meaning": seconds}

    def plinth(self, round_index: int) -> Mapping[str, float]:
        files = self._part(round_index)
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
            data_dir, inbox = Path(folder, "data"), Path(folder, "inbox")
            inbox.mkdir()
            for file in files:
                shutil.copyfile(file, inbox / file.name)
            text_s = 0.0
            with open_writer(data_dir) as writer:
                writer.people.add_collection(_COLLECTION)
                started_s = time.perf_counter()

                def published(_: object) -> None:
                    nonlocal text_s
                    text_s = time.perf_counter() - started_s

                report = ingest(
                    find_files((inbox,), leave_out=data_dir),
                    collection=_COLLECTION,
                    writer=writer,
                    embedder=self._opened.embedder,
                    settings=IngestSettings(),
                    on_outcomes=published,
                )
                meaning_s = time.perf_counter() - started_s
                counts = writer.catalog.counts()
            if counts.n_documents != len(files) or counts.n_unembedded:
                raise NeedMissingError(
                    f"{counts.n_documents} of {len(files)} files were taken in "
                    f"({len(report.outcomes)} outcomes); the comparison needs all of them"
                )
            self._n_chunks["plinth"] += counts.n_chunks
            return {"text": text_s, "meaning": meaning_s}

    def _part(self, round_index: int) -> Sequence[Path]:
        return self._files[round_index % PARTS :: PARTS]
