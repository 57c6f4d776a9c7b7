"""`vectors`: Plinth's dense search against FAISS that compares a query with every vector."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.retrieval import dense
from assistant.retrieval.view import View, build_view
from assistant.store.codes import load_faiss, one_thread
from assistant.store.index import SEGMENT_CHUNKS
from assistant.store.postings import Int64s, build_postings
from assistant.store.segments import Segment
from assistant.store.vectors import build_vectors, map_vectors, vectors_to_bytes
from evals.benchmarks.sentences import SentenceVectors, sentence_vectors, short
from evals.benchmarks.types import Conditions, NeedMissingError, Quantity, Rounds, Workbench
from models.types import FloatMatrix, FloatVector

SIZES = "PLINTH_BENCH_ROWS"
"""Names the sizes, separated by commas; else `DEFAULT_SIZES`."""
DEFAULT_SIZES = (10_000, 100_000, 1_000_000)
GATED_ROWS = 1_000_000
"""From this size on the gates hold: smaller ones are searched as the baseline does, or nearly."""
N_NEAREST = 10
LEAST_BYTES = 1_000_000
READABLE_SHARE = 100
"""The reader of few may read one row in so many."""


class VectorSearch:
    """Time, memory and recall of single queries, one after the other."""

    name = "vectors"
    title = "FAISS over every vector (IndexFlatIP), against Plinth's dense search, single queries"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Five of each size."""
        return tuple(quantity for rows in _sizes() for quantity in _quantities(rows))

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Make both indexes of each size; the largest takes minutes, and disk as for a corpus."""
        sizes = _sizes()
        vectors = sentence_vectors(workbench)
        needed = sum(sizes) * vectors.stored.shape[1] * 4 * 2
        if needed > _available_bytes():
            raise NeedMissingError(
                f"cannot compare {max(sizes):,} vectors: about {needed / 1e9:.0f} GB of free "
                f"memory are needed; give smaller sizes in {SIZES}"
            )
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder, one_thread():
            sides = [_Sides(rows, vectors, Path(folder)) for rows in sizes]
            yield _VectorRounds(sides, vectors)


def _quantities(rows: int) -> tuple[Quantity, ...]:
    is_gated = rows >= GATED_ROWS
    label = short(rows)

    def quantity(name: str, unit: str, gate: float, *, higher: bool) -> Quantity:
        return Quantity(
            name=f"{name}_{label}",
            unit=unit,
            higher_is_better=higher,
            gate=gate if is_gated else None,
        )

    return (
        quantity("p95", "ms", 30, higher=False),
        quantity("memory", "MB", 1 / 0.45, higher=False),
        Quantity(name=f"resident_{label}", unit="MB", higher_is_better=False),
        quantity("recall10", "share", 0.97, higher=True),
        quantity("recall10_1pct", "share", 0.99, higher=True),
    )


def _sizes() -> tuple[int, ...]:
    given = os.environ.get(SIZES)
    if not given:
        return DEFAULT_SIZES
    try:
        sizes = tuple(int(size) for size in given.replace("_", "").split(","))
    except ValueError as error:
        message = f"{SIZES} is {given!r}; give numbers of rows, as in 10000,1000000"
        raise NeedMissingError(message) from error
    return tuple(size for size in sizes if size > 0) or DEFAULT_SIZES


class _Sides:
    """Both indexes of one size, and what is found by comparing with every vector."""

    def __init__(self, rows: int, vectors: SentenceVectors, folder: Path) -> None:
        rng = np.random.default_rng(rows)
        self.rows = rows
        matrices = (
            vectors.jittered(min(SEGMENT_CHUNKS, rows - start), rng)
            for start in range(0, rows, SEGMENT_CHUNKS)
        )
        flat = load_faiss().IndexFlatIP(vectors.stored.shape[1])
        files = []
        for number, matrix in enumerate(matrices):
            flat.add(matrix)
            files.append(folder / f"{rows}-{number}.faiss")
            files[-1].write_bytes(vectors_to_bytes(build_vectors(matrix)))
        self.flat = flat
        n_flat_bytes = flat.ntotal * flat.d * 4
        self.flat_bytes = _Memory(own=n_flat_bytes, resident=n_flat_bytes)
        before = _memory()
        segments = _opened(files)
        self.everything = build_view(segments, np.arange(rows), n_live=rows)
        few = np.sort(rng.choice(rows, max(1, rows // READABLE_SHARE), replace=False))
        self.few = build_view(segments, few, n_live=rows)
        selector = _selector(rows, few)
        self.truth = [_exact(flat, query) for query in vectors.queries]
        self.few_truth = [_exact(flat, query, selector) for query in vectors.queries]
        for query in vectors.queries:
            dense.best_rows(self.everything, query, N_NEAREST)
        self.plinth_bytes = _memory().since(before)
        self.is_coded = any(part.lists for part in self.everything.segments)


class _VectorRounds:
    def __init__(self, sides: Sequence[_Sides], vectors: SentenceVectors) -> None:
        self._sides = sides
        self._vectors = vectors

    @property
    def conditions(self) -> Conditions:
        return {
            "vectors": f"{self._vectors.source}, moved by random noise to the number wanted",
            "dimensions": self._vectors.stored.shape[1],
            "queries": f"{len(self._vectors.queries)} sentences kept out, one at a time",
            "threads": "1 for FAISS, which is slower with more for a single query; Plinth: all",
            "nearest": N_NEAREST,
            "memory": "of its own, which the system cannot take back, after all queries",
            "resident": "the same with the mapped pages of files, which the system can take back",
            "exact_up_to": max((s.rows for s in self._sides if not s.is_coded), default=0),
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:  # noqa: ARG002 - the same each round
        values: dict[str, float] = {}
        for side in self._sides:
            times = _times(self._vectors.queries, lambda query, s=side: _exact(s.flat, query))
            values |= _values(side.rows, times, side.flat_bytes, 1.0, 1.0)
        return values

    def plinth(self, round_index: int) -> Mapping[str, float]:  # noqa: ARG002 - the same each round
        values: dict[str, float] = {}
        for side in self._sides:
            times = _times(
                self._vectors.queries,
                lambda query, s=side: dense.best_rows(s.everything, query, N_NEAREST),
            )
            recall = _recall(side.everything, self._vectors.queries, side.truth)
            few_recall = _recall(side.few, self._vectors.queries, side.few_truth)
            values |= _values(side.rows, times, side.plinth_bytes, recall, few_recall)
        return values


def _values(
    rows: int, times: Sequence[float], memory: _Memory, recall: float, few_recall: float
) -> dict[str, float]:
    measured = (
        float(np.quantile(times, 0.95)) * 1000,
        memory.own / 1e6,
        memory.resident / 1e6,
        recall,
        few_recall,
    )
    names = (quantity.name for quantity in _quantities(rows))
    return dict(zip(names, measured, strict=True))


def _times(queries: FloatMatrix, search: Any) -> list[float]:
    times = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - start)
    return times


def _recall(view: View, queries: FloatMatrix, truth: Sequence[Int64s]) -> float:
    """Return the mean share of the nearest rows that Plinth finds."""
    found = [
        np.isin(nearest, dense.best_rows(view, query, N_NEAREST)).mean()
        for query, nearest in zip(queries, truth, strict=True)
    ]
    return float(np.mean(found))


def _exact(flat: Any, query: FloatVector, selector: Any = None) -> Int64s:
    parameters = load_faiss().SearchParameters(sel=selector) if selector else None
    rows: Int64s = flat.search(query[np.newaxis], N_NEAREST, params=parameters)[1][0]
    return rows[rows >= 0]


def _selector(rows: int, few: Int64s) -> Any:
    mask = np.zeros(rows, dtype=np.bool_)
    mask[few] = True
    return load_faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _opened(files: Sequence[Path]) -> list[Segment]:
    segments, first = [], 0
    for file in files:
        vectors = map_vectors(file)
        n = len(vectors.matrix)
        segments.append(Segment(np.arange(first, first + n), vectors, build_postings([""] * n)))
        first += n
    return segments


@dataclass(frozen=True, slots=True)
class _Memory:
    """Bytes of a process, or by how much they grew."""

    own: int
    resident: int
    """With the pages of mapped files."""

    def since(self, before: _Memory) -> _Memory:
        """Return the growth, at least what can be told apart from nothing."""
        own, resident = self.own - before.own, self.resident - before.resident
        return _Memory(own=max(own, LEAST_BYTES), resident=max(resident, LEAST_BYTES))


def _memory() -> _Memory:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = {name: value for name, _, value in (line.partition(":") for line in lines)}
    own, mapped = (int(kilobytes[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    return _Memory(own=own, resident=own + mapped)


def _available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    return int(available.split()[1]) * 1024
