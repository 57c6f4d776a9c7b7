"""Real sentences for benchmarks of search, and their vectors, computed once."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.text import sentence_spans
from evals.benchmarks.types import Workbench
from models.types import FloatMatrix

SHARED_DATA = "PLINTH_SHARED_DATA"
"""Names the folder with the development corpora; without it the sample corpus is used."""
N_SENTENCES = 16_000
N_QUERIES = 100
"""Of these sentences, kept out of what is searched."""
MOST_CHARS_OF_A_FILE = 400_000
MOST_RECORDS = 2000
MIN_CHARS, MAX_CHARS = 40, 200
BATCH = 500
JITTER = 0.4
"""Length of what is added to a vector; the nearest other sentence is at about 0.9."""


@dataclass(frozen=True, slots=True, eq=False)
class SentenceVectors:
    """Unit vectors of distinct sentences."""

    stored: FloatMatrix
    stored_sentences: Sequence[str]
    queries: FloatMatrix
    query_sentences: Sequence[str]
    source: str
    """Which sentences these are, for the conditions of a benchmark."""

    def jittered(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        """Return `n` unit vectors, each a stored one moved a little in a random direction."""
        dim = self.stored.shape[1]
        chosen = self.stored[rng.integers(0, len(self.stored), n)]
        chosen += rng.standard_normal((n, dim), dtype=np.float32) * np.float32(JITTER / dim**0.5)
        chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
        return chosen


def real_sentences(n: int = N_SENTENCES) -> tuple[list[str], str]:
    """Return up to `n` distinct sentences in a fixed random order, and where they come from."""
    shared = os.environ.get(SHARED_DATA)
    if shared:
        root, source = Path(shared) / "corpora", "development corpora"
    else:
        root, source = Path(__file__).parents[1] / "sample" / "source", "sample corpus"
    found: dict[str, None] = {}
    for text in _texts(root):
        for span in sentence_spans(text):
            found.setdefault(span.slice(text).strip())
    sentences = [one for one in found if MIN_CHARS < len(one) < MAX_CHARS]
    random.Random(0).shuffle(sentences)
    return sentences[:n], source


def sentence_vectors(workbench: Workbench) -> SentenceVectors:
    """Return vectors of real sentences; they are kept in the workbench's folder.

    Raises:
        ModelError: the embedder cannot be opened.
    """
    embedder = workbench.open_embedder().embedder
    found, source = real_sentences()
    lengths = embedder.count_tokens(found)
    fitting = zip(found, lengths, strict=True)
    sentences = [one for one, length in fitting if length <= embedder.info.max_tokens]
    mark = [embedder.info.fingerprint, *sentences]
    name = hashlib.sha256("\n".join(mark).encode()).hexdigest()[:16]
    file = workbench.scratch / f"sentences-{name}.npy"
    if file.exists():
        vectors = np.load(file, allow_pickle=False)
    else:
        batches = [sentences[i : i + BATCH] for i in range(0, len(sentences), BATCH)]
        vectors = np.concatenate([embedder.embed_documents(batch) for batch in batches])
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial.npy")
        np.save(partial, vectors)
        partial.replace(file)
    n_queries = min(N_QUERIES, len(vectors) // 4)
    return SentenceVectors(
        stored=vectors[:-n_queries],
        stored_sentences=sentences[:-n_queries],
        queries=np.ascontiguousarray(vectors[-n_queries:]),
        query_sentences=sentences[-n_queries:],
        source=f"{len(vectors)} sentences of the {source} by {embedder.info.name}",
    )


def short(rows: int) -> str:
    """Return a number of rows as the names of quantities have it: 100k."""
    return f"{rows // 1000}k" if rows % 1000 == 0 else str(rows)


def _texts(root: Path) -> Iterator[str]:
    for file in sorted(root.rglob("*")):
        if file.suffix in {".txt", ".md"}:
            yield file.read_text(encoding="utf-8", errors="replace")[:MOST_CHARS_OF_A_FILE]
        elif file.suffix == ".jsonl":
            yield from _records(file.read_text(encoding="utf-8").split("\n")[:MOST_RECORDS])


def _records(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if line:
            record = json.loads(line)
            yield record["text"]
