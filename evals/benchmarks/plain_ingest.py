"""The plain loop that many begin with: one thread of Python, document by document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
from pypdf import PdfReader
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


def plain_ingest(embedder: PlainEmbedder, files: Sequence[Path]) -> tuple[list[str], Any]:
    """Return all chunks of PDF files and a FAISS index of their vectors."""
    index = faiss.IndexFlatIP(embedder.dim)
    chunks: list[str] = []
    for file in files:
        own = [
            chunk
            for page in PdfReader(file).pages
            for chunk in word_chunks(page.extract_text() or "")
        ]
        if own:
            index.add(embedder.encode(own))
        chunks.extend(own)
    return chunks, index


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
