"""Pages of an SQLite file that hold nothing any more: what they held must be overwritten.

The format: https://www.sqlite.org/fileformat2.html, sections 1.3 and 1.5.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEADER_BYTES = 100
_TRIES = 3
"""Somebody may write while the list is read."""


def freed_pages_with_data(path: Path) -> int:
    """Return how many pages on the list of freed pages are not all zeros.

    Free space inside pages in use is SQLite's own to overwrite (`secure_delete`) and not looked at.

    Args:
        path: The file; its write-ahead log, if any, is empty.

    Raises:
        OSError: it cannot be read.
    """
    n_dirty = 0
    for _ in range(_TRIES):
        with path.open("rb") as file:
            before = file.read(_HEADER_BYTES)
            n_dirty = _count(file, before) if len(before) == _HEADER_BYTES else 0
            file.seek(0)
            if file.read(_HEADER_BYTES) == before:
                break
    return n_dirty


def _count(file: BinaryIO, header: bytes) -> int:
    (stored_size,) = struct.unpack_from(">H", header, 16)
    page_bytes = 65536 if stored_size == 1 else stored_size
    trunk, n_free = struct.unpack_from(">II", header, 32)
    n_dirty = 0
    for _ in range(n_free):  # a damaged list must not lead in a circle
        if not trunk:
            break
        page = _page(file, trunk, page_bytes)
        trunk, n_leaves = struct.unpack_from(">II", page)
        n_leaves = min(n_leaves, page_bytes // 4 - 2)
        n_dirty += any(page[8 + 4 * n_leaves :])
        for leaf in struct.unpack_from(f">{n_leaves}I", page, 8):
            n_dirty += any(_page(file, leaf, page_bytes))
    return n_dirty


def _page(file: BinaryIO, number: int, page_bytes: int) -> bytes:
    file.seek((number - 1) * page_bytes)
    return file.read(page_bytes).ljust(page_bytes, b"\0")
