from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import assistant.warming
from assistant.access import OPERATOR
from assistant.errors import StoreError
from assistant.evidence.prepared import PreparedSentences
from assistant.evidence.sentences import split_sentences
from assistant.store.layout import Layout
from assistant.store.types import ReadableChunk
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import ChunkId
from assistant.warming import Blocks, Sentences, Warmer
from models.errors import GeneratorPausedError
from models.fakes import FakeGenerator
from models.types import Block
from tests.assistant.corpora import EMBEDDER, publish
from tests.waiting import wait_until

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
        writer.people.add_collection("docs")
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
    warmer = Warmer(
        writer.catalog,
        Blocks(writer.catalog, keeper, disk_bytes=disk_bytes),
        is_busy=is_busy,
    )
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


def test_warmer_goes_on_once_the_model_is_started_again(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Paused(Keeper):
        n_refused = 0

        def keep(self, head: str, block: Block) -> bool:
            if self.n_refused < 2:
                self.n_refused += 1
                raise GeneratorPausedError("it is started again in 8 s")
            return super().keep(head, block)

    monkeypatch.setattr(assistant.warming, "LOOKS_S", 0.01)
    publish(writer, "docs", a="One.\nTwo.")
    keeper = Paused()
    with warming(writer, keeper) as warmer:
        keeper.wait_for(2, 1)
        assert warmer.progress.error is None


def test_warmer_prefers_what_was_used_then_what_stands_around_it(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.\nTwo.\nThree.\nFour.", b="Five.\nSix.")
    keeper = Keeper()
    with warming(writer, keeper, used=(2,)):
        keeper.wait_for(2, 3, 1, 4, 6, 5)


def test_warmer_turns_to_another_question_at_once(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.\nTwo.\nThree.\nFour.", b="Five.\nSix.")
    keeper = Keeper()
    with warming(writer, keeper, used=(1,)) as warmer:
        keeper.wait_for(1)
        warmer.note_use([ChunkId(5)])
        for _ in range(5):
            keeper.allowed.release()
        wait_until(lambda: len(keeper.names) == 6)
    # One passage of the first document may have been under way.
    assert [name for name in keeper.names[:6] if name != "2"] == ["1", "5", "6", "3", "4"]


def test_warmer_is_idle_when_all_is_kept_and_nothing_was_asked_since(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.warming.LOOKS_S", 0.01)
    publish(writer, "docs", a="One.")
    keeper = Keeper()
    with warming(writer, keeper) as warmer:
        assert not warmer.is_idle
        keeper.wait_for(1)
        wait_until(lambda: warmer.is_idle)
        warmer.note_use([ChunkId(1)])
        assert not warmer.is_idle
        keeper.wait_for(1)
        wait_until(lambda: warmer.is_idle)


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
        assert "the disk takes no more" in warmer.progress.error
    assert keeper.names == ["4", "3", "2"]


def test_warmer_ends_with_its_generator(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="One.")
    keeper = Keeper()
    keeper.allowed.release()
    keeper.close()
    with warming(writer, keeper) as warmer:
        warmer.join()
        assert "closed" in str(warmer.progress.error)


class Preparing:
    """Sentences of a corpus on their way into files."""

    def __init__(self, writer: CatalogWriter, folder: Path, *, disk_bytes: int = GIGABYTE) -> None:
        self.files = PreparedSentences(folder, EMBEDDER.info)
        self.sentences = Sentences(writer.catalog, EMBEDDER, self.files, disk_bytes=disk_bytes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Layout(tmp_path / "data").blocks


def passages(writer: CatalogWriter) -> dict[ChunkId, ReadableChunk]:
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    return writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR)


def texts_of(passage: ReadableChunk) -> list[str]:
    return [one.text for one in split_sentences([passage])]


def test_sentences_are_embedded_once_and_kept(writer: CatalogWriter, folder: Path) -> None:
    publish(writer, "docs", a="One day. Two days.")
    (passage,) = passages(writer).values()
    preparing = Preparing(writer, folder)
    assert preparing.sentences.keep(passage)
    rows = preparing.files.load(passage.chunk, ["One day.", "Two days."])
    assert rows is not None
    assert (rows == EMBEDDER.embed_documents(["One day.", "Two days."])).all()
    (file,) = folder.glob("*/*")
    written = file.stat().st_mtime_ns
    assert preparing.sentences.keep(passage)
    assert file.stat().st_mtime_ns == written


def test_sentences_beyond_the_budget_are_not_kept_until_there_is_room(
    writer: CatalogWriter, folder: Path
) -> None:
    publish(writer, "docs", a="One day.\nTwo days.")
    one, other = passages(writer).values()
    preparing = Preparing(writer, folder, disk_bytes=10)
    assert preparing.sentences.keep(one)
    assert preparing.sentences.is_full()
    assert preparing.sentences.keep(other)
    assert not preparing.files.holds(other.chunk, texts_of(other))
    preparing.files.drop(one.chunk, texts_of(one))
    assert not preparing.sentences.is_full()
    assert preparing.sentences.keep(other)
    assert preparing.files.holds(other.chunk, texts_of(other))


def test_sentences_over_a_lowered_budget_go_at_the_next_start(
    writer: CatalogWriter, folder: Path
) -> None:
    publish(writer, "docs", a="One day.")
    (passage,) = passages(writer).values()
    Preparing(writer, folder).sentences.keep(passage)
    lowered = Preparing(writer, folder, disk_bytes=10)
    assert not lowered.files.holds(passage.chunk, texts_of(passage))
    assert not lowered.sentences.is_full()


def test_sentences_of_a_deleted_document_are_not_left_behind(
    writer: CatalogWriter, folder: Path
) -> None:
    publish(writer, "docs", a="One day.", b="Two days.")
    one, other = passages(writer).values()
    preparing = Preparing(writer, folder)
    preparing.sentences.keep(one)
    preparing.sentences.keep(other)
    footprint = writer.catalog.footprint(one.document.document_id)
    assert writer.catalog.traces(footprint).n_blocks == 1
    writer.delete_document(one.document.document_id)
    assert writer.catalog.traces(footprint).is_none
    # Embedded while the document was being deleted, written after that:
    preparing.sentences.keep(one)
    assert writer.catalog.traces(footprint).is_none
    assert preparing.files.holds(other.chunk, texts_of(other))


def test_sentences_that_the_disk_refuses_are_said_to_be_so(
    writer: CatalogWriter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="One day.")
    (passage,) = passages(writer).values()

    def full(*_: object) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(PreparedSentences, "save", full)
    assert not Preparing(writer, folder).sentences.keep(passage)


def test_prepared_sentences_do_not_count_as_blocks(writer: CatalogWriter, folder: Path) -> None:
    publish(writer, "docs", a="One day.")
    (passage,) = passages(writer).values()
    Preparing(writer, folder).sentences.keep(passage)
    assert writer.catalog.blocks.n_bytes() == 0


def test_block_of_a_document_that_is_deleted_meanwhile_is_not_left_behind(
    writer: CatalogWriter, tmp_path: Path
) -> None:
    publish(writer, "docs", a="Leave is 25 days.")
    (passage,) = writer.catalog.chunks([ChunkId(1)], OPERATOR).values()
    folder = Layout(tmp_path / "data").blocks

    class Late(FakeGenerator):
        def keep(self, head: str, block: Block) -> bool:
            (document,) = writer.catalog.list_documents(OPERATOR)
            writer.delete_document(document.document_id)
            (folder / block.name).parent.mkdir(parents=True)
            (folder / f"{block.name}-ab.kv").write_bytes(b"numbers")
            return super().keep(head, block)

    Blocks(writer.catalog, Late(), disk_bytes=GIGABYTE).keep(passage)
    assert list(folder.rglob("*")) == []


def test_warmer_goes_on_after_the_catalog_could_not_be_read(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="Leave is 25 days.")
    keeper, failed = Keeper(), threading.Event()

    def is_busy() -> bool:
        if failed.is_set():
            return False
        failed.set()
        raise StoreError("busy")

    with warming(writer, keeper, is_busy=is_busy) as warmer:
        keeper.wait_for(1)
        assert warmer.progress.error is None
