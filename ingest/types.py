"""Values of ingestion: what a parser found, how a file ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.types import PageScan, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading on a page."""

    span: Span
    level: int
    """1 is outermost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table that does not say by itself what its cells are."""

    span: Span
    header: str
    """What the columns are, repeated with every chunk that holds such rows; may be empty."""
    group: str = ""
    """Label of the group of rows in which it stands, repeated with a chunk that starts in the
    group; may be empty."""


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
    scan: PageScan | None = None
    """Where its words stand, if they were read from a picture."""


class HiddenKind(StrEnum):
    """Why a reader does not see a text."""

    INVISIBLE = "invisible"
    """Drawn without any colour."""
    COLOR = "colour"
    """In the colour of what is behind it."""
    TINY = "tiny"
    COVERED = "covered"
    """Something lies on it."""
    CLIPPED = "clipped"
    OFF_PAGE = "off-page"
    LAYER = "layer"
    """On a layer that is switched off."""
    MARKED = "marked"
    """The document says that it is hidden: part of a page, of a text, rows or columns."""
    SLIDE = "slide"
    """A slide that is not shown."""
    SHEET = "sheet"
    """A sheet that is not shown."""
    CHARACTERS = "characters"
    """Written in characters that show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenText:
    """Text of a page that a reader does not see, kept apart from what is read."""

    page_index: int
    """0-based place among the document's pages."""
    kind: HiddenKind
    text: str
    """Normalised, not empty."""


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
    """Pages without text are kept so that numbers stay true."""
    hidden: tuple[HiddenText, ...] = ()
    """By page; without any, at least one page has text."""
    flags: tuple[str, ...] = ()
    """Things an admin should see, sorted: `pages-without-text`, `encoding-guessed`, …"""
    has_scans: bool = False
    """It has pages that seem to be scans: what reads those, or its absence, makes a difference."""


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
    PUT_ASIDE = "put_aside"
    """The process that ingests died of it, or failed unexpectedly, again and again."""


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
