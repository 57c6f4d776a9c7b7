"""Values of ingestion: what a parser found, how a file ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.types import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading on a page."""

    span: Span
    level: int
    """1 is outermost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table whose header is not beside it."""

    span: Span
    header: str
    """The header row's text, repeated with every chunk that starts among its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPage:
    """One page of text, as it is stored, cited and shown."""

    page_number: int | None
    """1-based physical page; None where the format has none."""
    text: str
    """Normalised: NFC, line feeds only, no control characters, no trailing white space."""
    headings: tuple[Heading, ...] = ()
    """In order of their spans."""
    table_rows: tuple[TableRow, ...] = ()
    """In order of their spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """What a parser made of a file."""

    title: str
    """From metadata or the first heading; empty when the file names none."""
    title_is_guess: bool = False
    """Guessed from the look of the first page; a file name that says something is better."""
    date: str | None
    """ISO date from metadata or front matter; None when there is none."""
    media_type: str
    """Sniffed from the bytes, e.g. application/pdf."""
    pages: tuple[ParsedPage, ...]
    """At least one with text; pages without text are kept so that numbers stay true."""
    flags: tuple[str, ...] = ()
    """Things an admin should see, sorted: `pages-without-text`, `encoding-guessed`, …"""


class FileStatus(StrEnum):
    """How a file ended in an ingest."""

    INGESTED = "ingested"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    LINKED = "linked"
    REJECTED = "rejected"
    REMOVED = "removed"


class RejectReason(StrEnum):
    """Why a file was not taken in."""

    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    EMPTY = "empty"
    NO_TEXT = "no_text"
    """Pages but no text: most likely a scan."""
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    UNSUPPORTED = "unsupported"
    UNREADABLE = "unreadable"
    """The operating system refused, or it is no regular file."""
    CRASHED = "crashed"
    """The parser's process died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file that was not taken in, and what its owner can do."""

    reason: RejectReason
    detail: str
    """One sentence: what was found and what to do. Never document text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """How one file, or one record of a JSON Lines file, ended."""

    document: str
    status: FileStatus
    rejection: Rejection | None = None
    n_pages: int = 0
    n_chunks: int = 0
    flags: tuple[str, ...] = ()
