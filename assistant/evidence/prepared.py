"""Vectors of the sentences of passages, kept in files: what is prepared costs a question nothing.

They lie beside the blocks that the generator keeps, in the folder of their content, and go with it:
whoever deletes a document deletes that folder, and the proof of a deletion counts what is in it.
A file belongs to one embedder and exactly these sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from assistant.evidence.sentences import Sentence
from assistant.evidence.vectors import SentenceVectors
from assistant.passages import Located
from assistant.store.files import total_bytes
from assistant.types import Chunk
from models.hashed_files import keep_within, read_hashed, write_hashed
from models.types import EmbedderInfo, FloatMatrix

SUFFIX = ".sentences"


class PreparedSentences:
    """The files of one embedder. Thread-safe, as far as files are."""

    def __init__(self, folder: Path, embedder: EmbedderInfo) -> None:
        self._folder = folder
        self._embedder = embedder

    def holds(self, chunk: Chunk, texts: Sequence[str]) -> bool:
        """Tell whether there is a file for a chunk with these sentences."""
        return self._path(chunk, texts).exists()

    def load(self, chunk: Chunk, texts: Sequence[str]) -> FloatMatrix | None:
        """Return the vectors of a chunk's sentences, shape [len(texts), dim]; None without them."""
        path = self._path(chunk, texts)
        body = read_hashed(path)
        if body is None:
            return None
        if len(body) != 4 * len(texts) * self._embedder.dim:
            path.unlink(missing_ok=True)
            return None
        return np.frombuffer(body, dtype="<f4").reshape(len(texts), self._embedder.dim)

    def n_bytes(self) -> int:
        """Return the size of all files, those of other embedders included."""
        return total_bytes(self._folder.glob(f"*/*{SUFFIX}"))

    def save(self, chunk: Chunk, texts: Sequence[str], vectors: FloatMatrix) -> int:
        """Keep the vectors of a chunk's sentences and return how many bytes they take.

        Raises:
            OSError: they cannot be written; nothing of them is left.
        """
        return write_hashed(self._path(chunk, texts), vectors.astype("<f4").tobytes())

    def trim(self, n_bytes: int) -> None:
        """Delete what is over the budget, which may have been larger before, the oldest first."""
        keep_within(self._folder, SUFFIX, n_bytes)

    def drop(self, chunk: Chunk, texts: Sequence[str]) -> None:
        """Remove the file of a chunk, if there is one, and its folder if nothing else is in it."""
        path = self._path(chunk, texts)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def _path(self, chunk: Chunk, texts: Sequence[str]) -> Path:
        key = hashlib.sha256("\0".join([self._embedder.fingerprint, *texts]).encode()).hexdigest()
        return self._folder / str(chunk.content_id) / f"{chunk.chunk_id}-{key[:32]}{SUFFIX}"


def use_prepared(
    prepared: PreparedSentences,
    hits: Sequence[Located],
    sentences: Sequence[Sentence],
    vectors: SentenceVectors,
) -> None:
    """Take what is prepared of the passages that the sentences stand in into their vectors."""
    for hit_index, hit in enumerate(hits):
        places = [i for i, one in enumerate(sentences) if one.hit_index == hit_index]
        rows = prepared.load(hit.chunk, [sentences[i].text for i in places])
        if rows is not None:
            vectors.put(places, rows)
