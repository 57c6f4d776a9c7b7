from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR
from assistant.store.catalog import open_catalog
from assistant.text import sentence_spans
from assistant.types import ChunkId
from evals.benchmarks.large_corpus import SHARES, word_chain, write_corpus
from models.fakes import FakeEmbedder

TEXT = "The depot opened in May. The crane drivers of the depot went on strike in June!"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def test_word_chain_says_only_what_followed_in_its_texts() -> None:
    chain = word_chain([TEXT])
    assert set(chain.following["the"]) == {"depot"}
    assert set(chain.following["depot"]) == {"opened", "went"}
    sentence = chain.sentence(random.Random(1))
    assert sentence.endswith(".")
    assert set(sentence[:-1].lower().split()) <= set(
        TEXT.lower().replace(".", "").replace("!", "").split()
    )


def test_write_corpus_gives_each_collection_its_share(data_dir: Path) -> None:
    embedder = FakeEmbedder()
    sizes = write_corpus(data_dir, word_chain([TEXT]), 300, embedder.info)
    assert sizes == {"most": 147, "half": 150, "few": 3}
    with open_catalog(data_dir) as catalog:
        for name, size in sizes.items():
            readable = OPERATOR.within(catalog.people.collection_id(name, OPERATOR))
            assert len(catalog.live_chunk_ids(readable)[1]) == size
        _, ids = catalog.live_chunk_ids(OPERATOR)
        chunks = catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR).values()
        index = catalog.open_index(reuse={})
    assert {3 <= len(sentence_spans(one.chunk.text)) <= 9 for one in chunks} == {True}
    assert len({one.chunk.text for one in chunks}) == 300
    vectors = np.concatenate([segment.vectors.matrix for segment in index.segments.values()])
    assert vectors.shape == (300, embedder.info.dim)


def test_write_corpus_is_the_same_each_time(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "other"):
        write_corpus(tmp_path / name, word_chain([TEXT]), 40, FakeEmbedder().info)
        with open_catalog(tmp_path / name) as catalog:
            _, ids = catalog.live_chunk_ids(OPERATOR)
            chunks = catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR)
            texts.append([chunks[ChunkId(i)].chunk.text for i in ids.tolist()])
    assert texts[0] == texts[1]


def test_shares_are_of_everything() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
