from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.hashed_files import keep_within, read_hashed, write_hashed

BODY = b"computed"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "7" / "1.kv"
    assert write_hashed(path, BODY) == path.stat().st_size
    assert read_hashed(path) == BODY
    assert path.stat().st_mode & 0o077 == 0
    assert read_hashed(tmp_path / "7" / "2.kv") is None


@pytest.mark.parametrize("damage", [b"", b"short", bytes(32) + BODY])
def test_a_damaged_file_is_deleted(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "1.kv"
    path.write_bytes(damage)
    assert read_hashed(path) is None
    assert not path.exists()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "1.kv"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_hashed(path, BODY)
    assert list(tmp_path.iterdir()) == [path]


def test_those_used_longest_ago_give_way_and_others_do_not_count(tmp_path: Path) -> None:
    paths = [tmp_path / "7" / f"{n}.kv" for n in range(3)]
    for second, path in enumerate(paths):
        size = write_hashed(path, BODY)
        os.utime(path, (second, second))
    other = tmp_path / "7" / "1.sentences"
    write_hashed(other, BODY)
    keep_within(tmp_path, ".kv", 2 * size)
    assert [path.exists() for path in (*paths, other)] == [False, True, True, True]
    keep_within(tmp_path, ".kv", -1)
    assert list(tmp_path.glob("*/*")) == [other]


def test_what_a_killed_writer_left_is_deleted_once_nobody_can_be_writing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt):
        write_hashed(tmp_path / "7" / "1.kv", BODY)
    monkeypatch.undo()
    (left,) = tmp_path.glob("*/*")
    keep_within(tmp_path, ".kv", 1000)
    assert left.exists()
    os.utime(left, (1, 1))
    keep_within(tmp_path, ".sentences", 1000)
    assert left.exists()
    keep_within(tmp_path, ".kv", 1000)
    assert not left.exists()
