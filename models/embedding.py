"""The embedder over sentence-transformers: local files only, torch loaded at the first text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from models.errors import ModelFileError, TextTooLongError
from models.settings import Precision
from models.types import EmbedderInfo, FloatMatrix, FloatVector, normalised
from models.waiting import waiting_policy

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH_TOKENS = 1024
"""Padding included. Small batches stay in the processor's cache: for the default model 1.5 times as
many chunks for each second of a core as batches of 32 texts."""
_UNIT_TOLERANCE = 1e-3


class SentenceTransformerEmbedder:
    """Embeds with a sentence-transformers folder.

    Tokens are counted with the model's own tokenizer, which needs no torch: an ingest that finds
    every file unchanged stays light. Thread-safe; long inputs give way to queries between batches.

    Args:
        folder: As sentence-transformers writes it: modules.json, weights, tokenizer.json.
        name: The catalogue name.
        sha256: Of the weight file.
        threads: Threads of torch, at least 1; they belong to the whole process.
        precision: In what the layers are computed. The vectors of both have a cosine over 0.9999
            with each other, so that they are one embedder's and share its fingerprint.

    Raises:
        ModelFileError: a file of the folder is missing or cannot be read.
    """

    def __init__(
        self,
        *,
        folder: Path,
        name: str,
        sha256: str,
        threads: int,
        precision: Precision = "float32",
    ) -> None:
        self._folder = folder
        self._precision = precision
        self._threads = threads
        self._lock = Lock()
        try:
            window = _read_json(folder / "sentence_bert_config.json")["max_seq_length"]
            pooling = _read_json(folder / "1_Pooling" / "config.json")
            tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
            dim = pooling["word_embedding_dimension"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFileError(
                f"{str(folder)!r} is not a complete sentence-transformers folder ({error!r}); "
                f"run `plinth models pull {name}`"
            ) from error
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        identity = json.dumps([name, sha256, window, pooling, tokenizer], sort_keys=True)
        self._info = EmbedderInfo(
            name=name,
            fingerprint=hashlib.sha256(identity.encode()).hexdigest(),
            dim=dim,
            max_tokens=window,
        )

    @property
    def info(self) -> EmbedderInfo:
        """What this embedder is; read from the folder's small files."""
        return self._info

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count the tokens each text occupies in the window, special tokens included."""
        return tuple(len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts)))

    def token_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Return the character range of every token of `text`, special tokens left out.

        Where one character becomes several tokens (a Hangul syllable), the first has the
        character's range and the others the empty one behind it: ranges never overlap.
        """
        spans: list[tuple[int, int]] = []
        reached = 0
        for start, end in self._tokenizer.encode(text, add_special_tokens=False).offsets:
            span = max(start, reached), max(end, reached)
            reached = span[1]
            spans.append(span)
        return tuple(spans)

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode passages; see `models.protocols.Embedder`.

        Raises:
            TextTooLongError: a passage is over `info.max_tokens`; carries its index and length.
            ModelFileError: the weights cannot be loaded or give no usable vectors.
        """
        counts = self.count_tokens(texts)
        for index, n_tokens in enumerate(counts):
            if n_tokens > self._info.max_tokens:
                raise TextTooLongError(
                    index=index, n_tokens=n_tokens, max_tokens=self._info.max_tokens
                )
        rows = np.empty((len(texts), self._info.dim), dtype=np.float32)
        # Texts of like length share a batch, so that little of it is padding.
        for batch in batches_by_length(counts, BATCH_TOKENS):
            rows[batch] = self._encode([texts[index] for index in batch])
        return rows

    def embed_query(self, text: str) -> FloatVector:
        """Encode one query by the leading tokens that fit the window."""
        row: FloatVector = self._encode([text])[0]
        return row

    def _encode(self, texts: list[str]) -> FloatMatrix:
        with self._lock:
            rows = self._model.encode(
                texts,
                batch_size=len(texts),
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        norms = np.linalg.norm(rows, axis=1)
        if not (np.abs(norms - 1) < _UNIT_TOLERANCE).all():  # also false for NaN
            raise ModelFileError(
                f"the embedder {self._info.name!r} gave a vector that is not finite or not of "
                f"unit length; run `plinth models verify {self._info.name}`"
            )
        return normalised(rows)

    @cached_property
    def _model(self) -> SentenceTransformer:
        """The loaded model; only ever asked for under the lock."""
        # These take seconds to import. The hub's library would look for newer files.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.update(waiting_policy())
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
        torch.set_num_threads(self._threads)
        try:
            model = SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"the embedder {self._info.name!r} cannot be loaded from {str(self._folder)!r} "
                f"({error}); run `plinth models verify {self._info.name}`"
            ) from error
        if self._precision == "bfloat16":
            model[0].to(torch.bfloat16)
            # Means over hundreds of tokens need more digits than single layers do.
            model[0].register_forward_hook(_widen)
        return model


def batches_by_length(counts: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the indexes of texts in batches of like length, shortest first.

    Args:
        counts: Tokens of each text.
        batch_tokens: Most tokens of a batch, where each text counts as the longest one in it; a
            text of more is a batch by itself.
    """
    batch: list[int] = []
    for index in sorted(range(len(counts)), key=lambda index: counts[index]):
        if batch and (len(batch) + 1) * counts[index] > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _widen(_module: Any, _inputs: Any, features: dict[str, Any]) -> dict[str, Any]:
    return {**features, "token_embeddings": features["token_embeddings"].float()}


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
