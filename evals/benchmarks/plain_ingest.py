"""The plain loop that many begin with: one thread of Python, document by document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from sentence_transformers import SentenceTransformer

from models.types import FloatMatrix

WORDS_A_CHUNK = 130


class PlainEmbedder:
    """sentence-transformers at its defaults, warmed up."""

    def __init__(self, folder: Path) -> None:
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.dim = self.encode(["warm up"]).shape[1]

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Return the vectors of texts, shape [len(texts), dim], unit norm."""
        rows: FloatMatrix = self._model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return rows


@dataclass(frozen=True, slots=True)
class PlainCorpus:
    """What the loop makes of some files."""

    chunks: list[str]
    index: Any
    """`faiss.IndexFlatIP`, a row for each chunk."""
    unread: list[Path]
    """Files that pypdf gave up on; nothing of them is in the index."""


def plain_ingest(embedder: PlainEmbedder, files: Sequence[Path]) -> PlainCorpus:
    """Return all chunks of PDF files and an index of their vectors."""
    corpus = PlainCorpus([], faiss.IndexFlatIP(embedder.dim), [])
    for file in files:
        try:
            own = [
                chunk
                for page in PdfReader(file).pages
                for chunk in word_chunks(page.extract_text() or "")
            ]
        except PyPdfError:
            corpus.unread.append(file)
            continue
        if own:
            corpus.index.add(embedder.encode(own))
        corpus.chunks.extend(own)
    return corpus


def word_chunks(text: str) -> list[str]:
    """Return a text in pieces of `WORDS_A_CHUNK` words.

    >>> [len(chunk.split()) for chunk in word_chunks("word " * 150)]
    [130, 20]
    """
    words = text.split()
    return [
        " ".join(words[start : start + WORDS_A_CHUNK])
        for start in range(0, len(words), WORDS_A_CHUNK)
    ]
