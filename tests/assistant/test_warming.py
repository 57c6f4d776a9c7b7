from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import ChunkId
from assistant.warming import Warmer
from models.fakes import FakeGenerator
from models.types import Block
from tests.assistant.corpora import publish

TIMEOUT_S = 20.0
GIGABYTE = 10**9


class Keeper(FakeGenerator):
    """Notes what it keeps, in order, and tells who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.takes = True
        self.allowed = threading.Semaphore(0)
        self.changed = threading.Condition()

    def keep(self, head: str, block: Block) -> bool:
        self.allowed.acquire(timeout=TIMEOUT_S)
        with self.changed:
            self.names.append(block.name.split("/")[1])
            self.changed.notify_all()
        return super().keep(head, block) and self.takes

    def wait_for(self, *names: int) -> None:
        """Let so many be kept and wait for exactly these."""
        wanted = list(map(str, names))
        n_before = len(self.names)
        for _ in names:
            self.allowed.release()
        with self.changed:
            self.changed.wait_for(lambda: len(self.names) >= n_before + len(names), TIMEOUT_S)
        assert self.names[n_before:] == wanted


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[CatalogWriter]:
    with open_writer(tmp_path / "data") as writer:
        writer.add_collection("docs")
        yield writer


@contextmanager
def warming(
    writer: CatalogWriter,
    keeper: Keeper,
    *,
    disk_bytes: int = GIGABYTE,
    is_busy: Callable[[], bool] = lambda: False,
    used: tuple[int, ...] = (),
) -> Iterator[Warmer]:
    warmer = Warmer(writer.catalog, keeper, disk_bytes=disk_bytes, is_busy=is_busy)
    warmer.note_use(map(ChunkId, used))
    warmer.start()
    try:
        yield warmer
    finally:
        warmer.end()
        for _ in range(100):
            keeper.allowed.release()
        warmer.join()


def n_chunks(writer: CatalogWriter) -> int:
    return len(writer.catalog.live_chunk_ids(OPERATOR)[1])


def test_warmer_keeps_the_newest_passages_first(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.\nTwo.\nThree.")
    keeper = Keeper()
    with warming(writer, keeper) as warmer:
        keeper.wait_for(3, 2, 1)
        assert warmer.progress.n_chunks == 3


def test_warmer_prefers_what_was_used(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.\nTwo.\nThree.\nFour.")
    keeper = Keeper()
    with warming(writer, keeper, used=(2, 1)):
        keeper.wait_for(1, 2, 4, 3)


def test_warmer_begins_again_when_documents_come(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.warming.LOOKS_S", 0.01)
    publish(writer, "docs", a="One.")
    keeper = Keeper()
    with warming(writer, keeper):
        keeper.wait_for(1)
        publish(writer, "docs", b="Two.")
        keeper.wait_for(2)


def test_warmer_waits_while_there_is_other_work(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.warming.LOOKS_S", 0.01)
    publish(writer, "docs", a="One.")
    keeper, asked, is_busy = Keeper(), threading.Semaphore(0), threading.Event()
    is_busy.set()

    def ask() -> bool:
        asked.release()
        return is_busy.is_set()

    with warming(writer, keeper, is_busy=ask):
        for _ in range(3):
            assert asked.acquire(timeout=TIMEOUT_S)
        assert keeper.names == []
        is_busy.clear()
        keeper.wait_for(1)


def test_warmer_stops_at_the_budget_but_keeps_what_is_used(
    writer: CatalogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.warming.LOOKS_S", 0.01)
    publish(writer, "docs", a="One.\nTwo.")
    folder = tmp_path / "data" / "blocks" / "1"
    folder.mkdir(parents=True)
    (folder / "1-ab.kv").write_bytes(bytes(100))
    keeper = Keeper()
    with warming(writer, keeper, disk_bytes=100) as warmer:
        warmer.note_use([ChunkId(2)])
        keeper.wait_for(2)
        assert warmer.progress.is_full


def test_warmer_ends_with_a_word_when_the_disk_takes_no_more(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.\nTwo.\nThree.\nFour.")
    keeper = Keeper()
    keeper.takes = False
    with warming(writer, keeper) as warmer:
        keeper.wait_for(4, 3, 2)
        warmer.join()
        assert warmer.progress.error is not None
        assert "make room" in warmer.progress.error
    assert keeper.names == ["4", "3", "2"]


def test_warmer_ends_with_its_generator(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.")
    keeper = Keeper()
    keeper.allowed.release()
    keeper.close()
    with warming(writer, keeper) as warmer:
        warmer.join()
        assert "closed" in str(warmer.progress.error)
