"""A corpus of any size for benchmarks: written-up text, random vectors, three collections.

The text is a random walk over the words of the sample corpus, so that lengths, sentences and
postings are like those of real documents while no two sentences are equal. The vectors are random:
how long a search takes does not depend on what they mean.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewPage,
    PublishBatch,
)
from assistant.store.writer import CatalogWriter, open_writer
from assistant.text import sentence_spans
from assistant.types import Span, Version
from models.types import EmbedderInfo, normalised

SHARES = {"most": 0.49, "half": 0.5, "few": 0.01}
"""Collections and their part of the chunks."""

_DOCUMENT_CHUNKS = 20
_CHUNK_SENTENCES = (3, 9)
_SENTENCE_WORDS = (8, 32)
_PUBLISHED_CHUNKS = 20_000
_SEED = 20240229


@dataclass(frozen=True, slots=True)
class WordChain:
    """Which words follow which."""

    following: dict[str, tuple[str, ...]]

    def sentence(self, chance: random.Random) -> str:
        """Return a sentence that reads like its sources and says nothing."""
        word = chance.choice(self.following[""])
        words = [word]
        for _ in range(chance.randint(*_SENTENCE_WORDS) - 1):
            word = chance.choice(self.following.get(word) or self.following[""])
            words.append(word)
        return " ".join(words).capitalize() + "."


def word_chain(texts: Sequence[str]) -> WordChain:
    """Return the chain of the words of some texts, at least one sentence."""
    following: dict[str, list[str]] = {"": []}
    for text in texts:
        for span in sentence_spans(text):
            words = [word.strip("|#*.,;:!?()") for word in span.slice(text).split()]
            words = ["", *filter(None, words)]
            for one, other in itertools.pairwise(words):
                following.setdefault(one, []).append(other)
    return WordChain({word: tuple(others) for word, others in following.items()})


def write_corpus(
    data_dir: Path, chain: WordChain, n_chunks: int, embedder: EmbedderInfo
) -> dict[str, int]:
    """Fill an empty data dir with `n_chunks` chunks in the collections of `SHARES`.

    Args:
        data_dir: Where to.
        chain: Of what the text is made.
        n_chunks: In all.
        embedder: Which embedder the vectors pass for.

    Returns:
        How many chunks each collection has.
    """
    chance, numbers = random.Random(_SEED), np.random.default_rng(_SEED)
    sizes = {name: round(share * n_chunks) for name, share in SHARES.items()}
    with open_writer(data_dir) as writer:
        for collection, size in sizes.items():
            writer.people.add_collection(collection)
            contents = _contents(chain, size, embedder.dim, chance, numbers)
            _publish(writer, collection, contents, embedder)
    return sizes


def _contents(
    chain: WordChain, n_chunks: int, dim: int, chance: random.Random, numbers: np.random.Generator
) -> Iterator[NewContent]:
    for first in range(0, n_chunks, _DOCUMENT_CHUNKS):
        n = min(_DOCUMENT_CHUNKS, n_chunks - first)
        texts = [
            " ".join(chain.sentence(chance) for _ in range(chance.randint(*_CHUNK_SENTENCES)))
            for _ in range(n)
        ]
        title = chain.sentence(chance)[:40]
        yield NewContent(
            key=ContentKey(
                sha256=Version(hashlib.sha256("\f".join([title, *texts]).encode()).hexdigest()),
                recipe="benchmark",
            ),
            title=title,
            date=None,
            media_type="text/plain",
            size_bytes=sum(map(len, texts)),
            flags=(),
            pages=tuple(NewPage(page_number=i, text=text) for i, text in enumerate(texts, 1)),
            chunks=tuple(
                NewChunk(page_index=i, span=Span(0, len(text)), heading="")
                for i, text in enumerate(texts)
            ),
            vectors=normalised(numbers.standard_normal((n, dim), dtype=np.float32)),
        )


def _publish(
    writer: CatalogWriter, collection: str, contents: Iterator[NewContent], embedder: EmbedderInfo
) -> None:
    n_documents = itertools.count()
    while batch := list(itertools.islice(contents, _PUBLISHED_CHUNKS // _DOCUMENT_CHUNKS)):
        writer.publish(
            PublishBatch(
                collection=collection,
                source=f"/{collection}",
                embedder_fingerprint=embedder.fingerprint,
                contents=batch,
                documents=[
                    DocumentPut(path=f"{next(n_documents):06}.txt", content=content.key)
                    for content in batch
                ],
            )
        )
