from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store.catalog import Catalog
from assistant.store.types import ReadableChunk
from assistant.store.writer import open_writer
from assistant.types import ChunkId
from evals.benchmarks.idle import IdleTime
from tests.assistant.corpora import publish

END_S = 60.0


class Noted:
    """Prepares nothing, and tells what it was to prepare."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.is_refusing = False

    def is_full(self) -> bool:
        return self.is_refusing

    def keep(self, passage: ReadableChunk) -> bool:
        self.kept.append(passage.document.document)
        return True


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_writer(tmp_path) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="one", b="two", c="three")
        yield writer.catalog


def test_passages_are_prepared_in_idle_time_only_and_the_used_ones_first(catalog: Catalog) -> None:
    noted = Noted()
    first, *_ = (ChunkId(int(one)) for one in catalog.live_chunk_ids(OPERATOR)[1])
    with IdleTime(catalog, [noted]) as idle:
        idle.note_use([first])
        assert noted.kept == []
        idle.pass_s(0)
        idle.pass_s(END_S)
        (used,) = catalog.chunks([first], OPERATOR).values()
        assert noted.kept[0] == used.document.document
        assert set(noted.kept) == {"a.txt", "b.txt", "c.txt"}


def test_idle_time_ends_where_nothing_is_left_to_be_prepared(catalog: Catalog) -> None:
    noted = Noted()
    with IdleTime(catalog, [noted, Noted()]) as idle:
        idle.pass_s(END_S)
        started = time.monotonic()
        idle.pass_s(END_S)
        assert time.monotonic() - started < END_S / 2


def test_idle_time_ends_where_the_budget_is_used_up(catalog: Catalog) -> None:
    noted = Noted()
    noted.is_refusing = True
    with IdleTime(catalog, [noted]) as idle:
        started = time.monotonic()
        idle.pass_s(END_S)
        assert time.monotonic() - started < END_S / 2
    assert noted.kept == []


def test_idle_time_that_never_comes_ends_as_well(catalog: Catalog) -> None:
    noted = Noted()
    with IdleTime(catalog, [noted]) as idle:
        idle.note_use([ChunkId(1)])
    assert noted.kept == []
