"""An embedder that remembers: what is needed twice, or asked again, is embedded once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from models.errors import TextTooLongError
from models.protocols import Embedder
from models.types import EmbedderInfo, FloatMatrix, FloatVector

VECTORS_KEPT = 16_384
"""About 25 MB of them at 384 dimensions: the sentences of some 3,000 passages."""

_QUERY, _DOCUMENT = b"query", b"document"


class RememberingEmbedder:
    """Another embedder, with the vectors of the texts it was given last. Thread-safe.

    It holds no text, only digests; still a vector says something of its text, so `forget` is to be
    called when documents are deleted.

    Args:
        embedder: Embeds what is not remembered.
        most: Vectors kept; those used longest ago go first.
    """

    def __init__(self, embedder: Embedder, *, most: int = VECTORS_KEPT) -> None:
        self._embedder = embedder
        self._most = most
        self._lock = threading.Lock()
        self._vectors: OrderedDict[bytes, FloatVector] = OrderedDict()
        self._n_forgotten = 0

    @property
    def info(self) -> EmbedderInfo:
        """What the other embedder is."""
        return self._embedder.info

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count as the other embedder does."""
        return self._embedder.count_tokens(texts)

    def token_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Find tokens as the other embedder does."""
        return self._embedder.token_spans(text)

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode passages; those that are not remembered in one call."""
        rows = np.empty((len(texts), self.info.dim), dtype=np.float32)
        keys = [_key(_DOCUMENT, text) for text in texts]
        found, n_forgotten = self._recall(keys)
        # Of texts that are equal, the first.
        new = sorted(
            {key: i for i, key in reversed([*enumerate(keys)]) if key not in found}.values()
        )
        if new:
            vectors = self._embed([texts[i] for i in new], new)
            fresh = {keys[i]: vector.copy() for i, vector in zip(new, vectors, strict=True)}
            self._remember(fresh, n_forgotten)
            found |= fresh
        for i, key in enumerate(keys):
            rows[i] = found[key]
        return rows

    def embed_query(self, text: str) -> FloatVector:
        """Encode one query."""
        key = _key(_QUERY, text)
        found, n_forgotten = self._recall([key])
        if key not in found:
            found = {key: self._embedder.embed_query(text)}
            self._remember(found, n_forgotten)
        return found[key].copy()

    def forget(self) -> None:
        """Drop every vector, also those on their way in."""
        with self._lock:
            self._vectors.clear()
            self._n_forgotten += 1

    def _embed(self, texts: Sequence[str], places: Sequence[int]) -> FloatMatrix:
        try:
            return self._embedder.embed_documents(texts)
        except TextTooLongError as error:
            raise TextTooLongError(
                index=places[error.index], n_tokens=error.n_tokens, max_tokens=self.info.max_tokens
            ) from error

    def _recall(self, keys: Sequence[bytes]) -> tuple[dict[bytes, FloatVector], int]:
        found = {}
        with self._lock:
            for key in keys:
                if key in self._vectors:
                    self._vectors.move_to_end(key)
                    found[key] = self._vectors[key]
            return found, self._n_forgotten

    def _remember(self, vectors: dict[bytes, FloatVector], n_forgotten: int) -> None:
        with self._lock:
            if n_forgotten != self._n_forgotten:
                return
            self._vectors |= vectors
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)


def _key(kind: bytes, text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), person=kind).digest()
