from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.store.freed_pages import freed_pages_with_data


def made(path: Path, *, secure: bool, page_bytes: int) -> Path:
    """A file of which most pages were freed; so many that their list has several pages."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute(f"PRAGMA secure_delete={int(secure)}")
        connection.execute("CREATE TABLE pages (text)")
        rows = (("secret" * (page_bytes // 5),) for _ in range(400))
        connection.executemany("INSERT INTO pages VALUES (?)", rows)
        connection.execute("DELETE FROM pages")
    return path


@pytest.mark.parametrize("page_bytes", [512, 4096, 65536])
def test_pages_that_were_not_overwritten_are_counted(tmp_path: Path, page_bytes: int) -> None:
    assert freed_pages_with_data(made(tmp_path / "a", secure=False, page_bytes=page_bytes)) > 300
    assert freed_pages_with_data(made(tmp_path / "b", secure=True, page_bytes=page_bytes)) == 0


def test_one_page_that_was_not_overwritten_is_found(tmp_path: Path) -> None:
    path = made(tmp_path / "a", secure=True, page_bytes=4096)
    data = bytearray(path.read_bytes())
    data[-1] = 1  # the last page is a freed one
    path.write_bytes(data)
    assert freed_pages_with_data(path) == 1


def test_list_that_leads_in_a_circle_ends(tmp_path: Path) -> None:
    path = made(tmp_path / "a", secure=True, page_bytes=512)
    data = bytearray(path.read_bytes())
    trunk = int.from_bytes(data[32:36], "big")
    data[(trunk - 1) * 512 : (trunk - 1) * 512 + 4] = data[32:36]
    path.write_bytes(data)
    assert freed_pages_with_data(path) == 0


def test_empty_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert freed_pages_with_data(tmp_path / "a") == 0
