"""Permission is part of the search: what a reader may not see must not show in any score."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.access import OPERATOR, ReadableSet
from assistant.settings import RetrievalSettings
from assistant.store import index as index_module
from assistant.store.writer import open_writer
from assistant.types import Hit
from tests.assistant.corpora import batch, content, open_retriever

COLLECTIONS = ("open", "staff", "board")
WORDS = st.sampled_from(["leave", "leaves", "budget", "travel", "the", "2024", "報告書"])
LINES = st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3)


@dataclass(frozen=True)
class Put:
    collection: str
    path: str
    lines: tuple[str, ...]
    titled: bool


@dataclass(frozen=True)
class Remove:
    collection: str
    path: str


PLACES = {"collection": st.sampled_from(COLLECTIONS), "path": st.sampled_from("abcd")}
CHANGES = st.lists(
    st.builds(Put, **PLACES, lines=LINES.map(tuple), titled=st.booleans())
    | st.builds(Remove, **PLACES),
    min_size=1,
    max_size=9,
)


@pytest.fixture(scope="module")
def empty_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("empty")
    with open_writer(data_dir) as writer:
        for name in COLLECTIONS:
            writer.people.add_collection(name)
    return data_dir


@pytest.fixture(autouse=True, scope="module")
def _merge_often() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "MAX_SEGMENTS", 3)
        patch.setattr(index_module, "MERGED_SEGMENTS", 2)
        yield


def apply(data_dir: Path, changes: list[Put | Remove]) -> None:
    with open_writer(data_dir) as writer:
        for change in changes:
            if isinstance(change, Remove):
                one = batch(change.collection, {}, removals=(change.path,))
            else:
                names = {"title": "Guide"} if change.titled else {"name": change.path}
                one = batch(
                    change.collection, {change.path: content("\n".join(change.lines), **names)}
                )
            writer.publish(one)


def seen(hits: tuple[Hit, ...]) -> list[tuple[object, ...]]:
    """Give all a reader can see of hits except ids, which differ between corpora."""
    return [
        (
            (hit.rank, hit.score, hit.dense, hit.lexical),
            (hit.chunk.text, hit.chunk.title, hit.chunk.span),
            (hit.document.document, hit.document.collection, hit.document.version),
        )
        for hit in hits
    ]


@settings(max_examples=25, deadline=None)
@given(
    changes=CHANGES,
    readable_names=st.sets(st.sampled_from(COLLECTIONS)),
    query=st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
    top_k=st.integers(1, 6),
)
def test_retrieve_equals_a_corpus_of_only_the_readable_documents(
    empty_data_dir: Path, changes: list[Put | Remove], readable_names, query: str, top_k: int
) -> None:
    final: dict[tuple[str, str], Put] = {}
    for change in changes:
        place = (change.collection, change.path)
        final.pop(place, None)
        if isinstance(change, Put) and change.collection in readable_names:
            final[place] = change
    with tempfile.TemporaryDirectory() as folder:
        full, only = Path(folder) / "full", Path(folder) / "only"
        for data_dir, what in ((full, changes), (only, list(final.values()))):
            shutil.copytree(empty_data_dir, data_dir)
            apply(data_dir, what)
        readable = ReadableSet(
            collections=frozenset(
                i for i, name in enumerate(COLLECTIONS, 1) if name in readable_names
            )
        )
        with open_retriever(full) as retriever, open_retriever(only) as model:
            hits = retriever.retrieve(query, top_k, readable)
            assert seen(hits) == seen(model.retrieve(query, top_k, OPERATOR))


@pytest.mark.parametrize("dense_weight", [0.0, 0.5, 1.0])
def test_retrieve_with_few_candidates_equals_scoring_every_chunk(
    empty_data_dir: Path, tmp_path: Path, dense_weight: float
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(empty_data_dir, data_dir)
    lines = [f"travel note {i} " + "budget " * (i % 4) + "leave " * (i % 3) for i in range(60)]
    with open_writer(data_dir) as writer:
        puts = {f"{i}": content(line, title="Guide") for i, line in enumerate(lines)}
        writer.publish(batch("open", puts))
    few = RetrievalSettings(dense_weight=dense_weight, candidates=10)
    all_of_them = RetrievalSettings(dense_weight=dense_weight, candidates=1000)
    with open_retriever(data_dir, few) as first, open_retriever(data_dir, all_of_them) as second:
        for query in ("leave", "travel budget", "note 17"):
            hits = first.retrieve(query, 5, OPERATOR)
            assert seen(hits) == seen(second.retrieve(query, 5, OPERATOR))
