from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.llama.block_store import BlockPlace, BlockStore

ONE, TWO, THREE = (BlockPlace(name=f"7/{n}", key="ab") for n in range(3))
STATE = bytearray(b"keys and values" * 10)
FILE_BYTES = len(STATE) + 32


def store(folder: Path | None, *, n_files: int = 10, memory_bytes: int = 10_000) -> BlockStore:
    return BlockStore(folder, disk_bytes=n_files * FILE_BYTES, memory_bytes=memory_bytes)


def age(folder: Path, place: BlockPlace, seconds: int) -> None:
    os.utime(folder / place.path, (seconds, seconds))


def test_saved_block_is_there_for_the_next_process(tmp_path: Path) -> None:
    store(tmp_path).save(ONE, STATE)
    later = store(tmp_path)
    assert later.holds(ONE)
    assert later.load(ONE) == STATE
    assert not later.holds(TWO)
    assert later.load(TWO) is None


def test_block_of_another_key_is_another_block(tmp_path: Path) -> None:
    store(tmp_path).save(ONE, STATE)
    assert store(tmp_path).load(BlockPlace(name=ONE.name, key="cd")) is None


@pytest.mark.parametrize("damage", [b"", b"short", bytes(32) + bytes(STATE)])
def test_damaged_file_is_deleted_and_not_used(tmp_path: Path, damage: bytes) -> None:
    store(tmp_path).save(ONE, STATE)
    (tmp_path / ONE.path).write_bytes(damage)
    later = store(tmp_path)
    assert later.load(ONE) is None
    assert not later.holds(ONE)


def test_block_whose_file_was_deleted_is_not_served_from_memory(tmp_path: Path) -> None:
    blocks = store(tmp_path)
    blocks.save(ONE, STATE)
    assert blocks.load(ONE) == STATE
    (tmp_path / ONE.path).unlink()
    assert not blocks.holds(ONE)
    assert blocks.load(ONE) is None


def test_file_is_read_once_while_memory_suffices(tmp_path: Path) -> None:
    store(tmp_path).save(ONE, STATE)
    blocks = store(tmp_path)
    blocks.load(ONE)
    (tmp_path / ONE.path).write_bytes(b"unread")
    assert blocks.load(ONE) == STATE


def test_memory_keeps_what_was_used_last(tmp_path: Path) -> None:
    blocks = store(tmp_path, memory_bytes=2 * len(STATE))
    for place in (ONE, TWO):
        blocks.save(place, STATE)
    blocks.load(ONE)
    blocks.save(THREE, STATE)
    for place in (ONE, TWO, THREE):
        (tmp_path / place.path).write_bytes(b"unread")
    assert blocks.load(ONE) == STATE
    assert blocks.load(THREE) == STATE
    assert blocks.load(TWO) is None


def test_memory_forgets_what_was_deleted_and_nothing_else(tmp_path: Path) -> None:
    blocks = store(tmp_path)
    blocks.save(ONE, STATE)
    blocks.save(TWO, STATE)
    (tmp_path / ONE.path).unlink()
    blocks.forget_deleted()
    for place in (ONE, TWO):
        (tmp_path / place.path).write_bytes(b"unread")
    assert blocks.load(TWO) == STATE
    assert blocks.load(ONE) is None


def test_full_budget_gives_up_what_was_used_longest_ago(tmp_path: Path) -> None:
    blocks = store(tmp_path, n_files=2)
    blocks.save(ONE, STATE)
    blocks.save(TWO, STATE)
    age(tmp_path, ONE, 1)
    age(tmp_path, TWO, 2)
    blocks.load(ONE)
    blocks.save(THREE, STATE)
    assert [blocks.holds(place) for place in (ONE, TWO, THREE)] == [True, False, True]


def test_block_over_the_whole_budget_displaces_nothing(tmp_path: Path) -> None:
    blocks = store(tmp_path, n_files=1)
    blocks.save(ONE, STATE)
    blocks.save(TWO, STATE * 2)
    assert [blocks.holds(place) for place in (ONE, TWO)] == [True, False]


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / ONE.path / "in the way").mkdir(parents=True)
    blocks = store(tmp_path)
    with pytest.raises(OSError, match="directory"):
        blocks.save(ONE, STATE)
    assert [path.name for path in (tmp_path / "7").iterdir()] == [ONE.path.name]


def test_without_a_folder_blocks_are_in_memory() -> None:
    blocks = store(None)
    blocks.save(ONE, STATE)
    assert blocks.holds(ONE)
    assert blocks.load(ONE) == STATE
    assert blocks.load(TWO) is None


def test_trim_brings_the_files_within_a_smaller_budget(tmp_path: Path) -> None:
    for seconds, place in enumerate((ONE, TWO, THREE)):
        store(tmp_path).save(place, STATE)
        age(tmp_path, place, 1000 + seconds)
    store(tmp_path, n_files=1).trim()
    assert [store(tmp_path).holds(place) for place in (ONE, TWO, THREE)] == [False, False, True]
    store(tmp_path, n_files=0).trim()
    assert not store(tmp_path).holds(THREE)
    store(None).trim()
