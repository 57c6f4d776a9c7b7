"""JSON Lines files of records {"_id", "title"?, "text"}: one document a line, named by its id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assistant.store.originals import RECORD_MEDIA_TYPE
from assistant.types import Version
from ingest.errors import RejectedFileError
from ingest.parsing.concealed import without_concealed
from ingest.parsing.document_builder import HIDDEN_TEXT
from ingest.parsing.normalise import normalise, normalise_line
from ingest.sources import document_name
from ingest.types import (
    HiddenKind,
    HiddenText,
    ParsedDocument,
    ParsedPage,
    Rejection,
    RejectReason,
)

SUFFIX = ".jsonl"
MAX_LINE_BYTES = 16_000_000

_LINES_TO_RECOGNISE = 20
_MAX_ID_CHARS = 500
_EXPECTED = 'a line is {"_id": …, "title": …, "text": …}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of a file of records."""

    place: str
    """`FILE:LINE`."""
    document: str
    """Its `_id`; the place where the line is no record."""
    version: Version
    """SHA-256 of the line without surrounding white space."""
    line: bytes
    """What the version is the hash of."""
    title: str = ""
    text: str = ""
    rejection: Rejection | None = None

    def __repr__(self) -> str:
        return f"Record({self.document!r}, {len(self.line)} bytes)"


def read_records(path: Path, *, document: str) -> Iterator[Record]:
    """Yield the records of a file as they are read; blank lines are skipped.

    A line that is no record comes as a rejection that names file and line.

    Args:
        path: The file.
        document: Name of the file itself.

    Raises:
        RejectedFileError: none of the first lines is a record.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if not any(_is_record(line) for _, line in _lines(file, _LINES_TO_RECOGNISE)):
            message = f"it is JSON Lines but not of documents; {_EXPECTED}"
            raise RejectedFileError(RejectReason.UNSUPPORTED, message)
        file.seek(0)
        for number, line in _lines(file):
            yield _record(line, place=f"{document}:{number}")


def parse_record(record: Record) -> ParsedDocument:
    """Return a record as a document of one page.

    Raises:
        RejectedFileError: it holds no text.
    """
    shown, concealed = without_concealed(record.text)
    text, hidden = normalise(shown), normalise(concealed)
    if not text and not hidden:
        message = "the record's text is empty; leave it out or fill it"
        raise RejectedFileError(RejectReason.EMPTY, message)
    return ParsedDocument(
        title=normalise_line(record.title),
        date=None,
        media_type=RECORD_MEDIA_TYPE,
        pages=(ParsedPage(page_number=None, text=text),),
        hidden=(
            (HiddenText(page_index=0, kind=HiddenKind.CHARACTERS, text=hidden),) if hidden else ()
        ),
        flags=(HIDDEN_TEXT,) if hidden else (),
    )


def _lines(file: BinaryIO, n_lines: int | None = None) -> Iterator[tuple[int, bytes | None]]:
    """Yield (1-based number, line) of lines that are not blank; None for one that is too long."""
    number = n_yielded = 0
    while n_lines is None or n_yielded < n_lines:
        line = file.readline(MAX_LINE_BYTES)
        if not line:
            return
        number += 1
        is_whole = True
        while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            is_whole = False
            line = file.readline(MAX_LINE_BYTES)
        if not is_whole or line.strip():
            n_yielded += 1
            yield number, line.strip().removeprefix(b"\xef\xbb\xbf") if is_whole else None


def _is_record(line: bytes | None) -> bool:
    return line is not None and _record(line, place="").rejection is None


def _record(line: bytes | None, *, place: str) -> Record:
    if line is None:
        return _rejected(b"", place, RejectReason.TOO_LARGE, f"over {MAX_LINE_BYTES:,} bytes")
    try:
        value = json.loads(line)
        name, title, text = value["_id"], value.get("title") or "", value["text"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return _rejected(line, place, RejectReason.CORRUPT, "no record")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not all(isinstance(field, str) for field in (name, title, text)):
        return _rejected(line, place, RejectReason.CORRUPT, "no record: a field is no text")
    if not 0 < len(name) <= _MAX_ID_CHARS:
        return _rejected(line, place, RejectReason.CORRUPT, "a record with an id of no use")
    document = document_name(name.encode("utf-8", "replace").decode("utf-8"))
    return Record(
        place=place,
        document=document,
        version=_version(line),
        line=line,
        title=title,
        text=text,
    )


def _rejected(line: bytes, place: str, reason: RejectReason, what: str) -> Record:
    detail = f"the line at {place!r} is {what}; {_EXPECTED}"
    rejection = Rejection(reason=reason, detail=detail)
    return Record(
        place=place, document=place, version=_version(line), line=line, rejection=rejection
    )


def _version(line: bytes) -> Version:
    return Version(hashlib.sha256(line).hexdigest())
