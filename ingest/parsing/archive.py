"""Open zip containers so that their lists of parts are bounded before anything is unpacked.

Parts are read one by one, by name, into memory. A name is compared and never made a path, so that
`../../x`, `/etc/x` and links stay the odd names they are. No container inside another is opened.

Sources:
    PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16 (where the list of parts lies);
    D. Fifield, A better zip bomb, WOOT 2019 (parts that share their packed bytes);
    ISO/IEC 29500-2, 7.3 and annex C (no two parts of a name; stored or deflated).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import IO

from ingest.errors import RejectedFileError
from ingest.settings import IngestSettings
from ingest.types import RejectReason

MAX_PARTS = 20_000
_MAX_LIST_BYTES = 8_000_000
"""Of the list of parts: read as a whole, before its entries can be counted."""
_MAX_RATIO = 100
"""Unpacked to packed bytes of all parts; a sheet of ten monotonous columns has 16."""
_FREE_BYTES = 32_000_000
"""What any file may unpack to."""
_LOCAL_HEADER_BYTES = 30
_IS_ENCRYPTED = 1
_END, _END_BYTES, _MAX_COMMENT_BYTES = b"PK\x05\x06", 22, 65_535
_LOCATOR_64, _LOCATOR_64_BYTES = b"PK\x06\x07", 20
_END_64_BYTES = 56


@contextmanager
def opened_archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Yield a zip container whose list of parts was examined.

    Raises:
        RejectedFileError: it has too many parts, two of a name or of the same packed bytes, or
            some that are encrypted or packed by a method of other programs.
        BadZipFile: it is damaged.
    """
    if _list_bytes(file) > _MAX_LIST_BYTES:
        raise _too_many()
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        _check_parts(parts, archive.start_dir)
        yield archive


def check_unpacked_size(archive: zipfile.ZipFile, settings: IngestSettings) -> None:
    """Reject a container that unpacks to more than a file may cost.

    The sizes may be lies, but zipfile unpacks no part to more than its own says.

    Raises:
        RejectedFileError: with the size.
    """
    parts = archive.infolist()
    unpacked_bytes = sum(part.file_size for part in parts)
    packed_bytes = sum(part.compress_size for part in parts)
    limit = min(settings.max_memory_bytes, _FREE_BYTES + _MAX_RATIO * packed_bytes)
    if unpacked_bytes > limit:
        raise RejectedFileError(
            RejectReason.TOO_MUCH_MEMORY,
            f"the file unpacks to {unpacked_bytes:,} bytes, {limit:,} are allowed; "
            "split it, save it anew, or raise ingest.max_memory_bytes",
        )


def _check_parts(parts: Sequence[zipfile.ZipInfo], list_start: int) -> None:
    if len(parts) > MAX_PARTS:
        raise _too_many()
    if any(part.flag_bits & _IS_ENCRYPTED for part in parts):
        raise RejectedFileError(
            RejectReason.ENCRYPTED, "its parts are encrypted; save a copy without a password"
        )
    if any(part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for part in parts):
        raise RejectedFileError(
            RejectReason.UNSUPPORTED,
            "its parts are packed by a method that no Office program uses; unpack it",
        )
    if len({part.filename for part in parts}) < len(parts):
        # Programs do not agree which of them counts: what is cited might not be what is seen.
        raise zipfile.BadZipFile("two parts of one name")
    spans = sorted(
        (part.header_offset, part.header_offset + _LOCAL_HEADER_BYTES + part.compress_size)
        for part in parts
    )
    spans.append((list_start, list_start))
    if any(end > next_start for (_, end), (next_start, _) in pairwise(spans)):
        raise zipfile.BadZipFile("parts share packed bytes")


def _list_bytes(file: IO[bytes]) -> int:
    """Return how long the list of parts is said to be, where zipfile looks for it; 0: nowhere."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _MAX_COMMENT_BYTES - _END_BYTES - _LOCATOR_64_BYTES - _END_64_BYTES))
    tail = file.read()
    file.seek(0)
    start = len(tail) - _END_BYTES
    if start < 0 or tail[start : start + 4] != _END or tail[-2:] != b"\0\0":
        start = tail.rfind(_END)
    if start < 0 or len(tail) - start < _END_BYTES:
        return 0
    (n_bytes,) = struct.unpack_from("<L", tail, start + 12)
    locator = start - _LOCATOR_64_BYTES
    if locator >= _END_64_BYTES and tail[locator : locator + 4] == _LOCATOR_64:
        (n_bytes_64,) = struct.unpack_from("<Q", tail, locator - _END_64_BYTES + 40)
        return max(int(n_bytes), int(n_bytes_64))
    return int(n_bytes)


def _too_many() -> RejectedFileError:
    return RejectedFileError(
        RejectReason.TOO_LARGE, f"it has more than {MAX_PARTS:,} parts; split it"
    )
