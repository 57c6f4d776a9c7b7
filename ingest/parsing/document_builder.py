"""Collect what a parser reads, block by block, into pages whose spans are true by construction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assistant.text import CELL
from assistant.types import Span
from ingest.errors import RejectedFileError
from ingest.parsing.concealed import without_concealed
from ingest.parsing.metadata import meaningful_title
from ingest.parsing.normalise import normalise, normalise_code, normalise_line
from ingest.settings import IngestSettings
from ingest.types import (
    Heading,
    HiddenKind,
    HiddenText,
    ParsedDocument,
    ParsedPage,
    RejectReason,
    TableRow,
)

HIDDEN_TEXT = "hidden-text"
"""Flag of a document with text that no reader sees."""
MAX_HEADING_CHARS = 300
MAX_HEADER_CHARS = 600
_COVER_CHARS = 300
_LETTER = re.compile(r"[^\W\d_]")


class DocumentBuilder:
    """Takes blocks in reading order; every text given is normalised here and nowhere else.

    Blocks are separated by a blank line, rows of one table and items of one list by a line feed.

    Attributes:
        title: What the file's metadata says; junk such as "Microsoft Word - x.doc" is ignored.
            Without one, the foremost heading becomes the title.
        headings_are_guessed: The format marks no headings, they were told by their look.
        date: ISO date, or None.
        flags: Things an admin should see.
        advice: What to do about a document whose pages are pictures alone.
    """

    def __init__(self, media_type: str, limits: IngestSettings) -> None:
        self.title = ""
        self.headings_are_guessed = False
        self.date: str | None = None
        self.flags: set[str] = set()
        self.advice = "run text recognition (OCR) first"
        self._media_type = media_type
        self._limits = limits
        self._pages: list[ParsedPage] = []
        self._hidden: dict[tuple[int, HiddenKind], list[str]] = {}
        self._n_chars = 0
        self._last_kind = ""
        self._start_page()

    def heading(self, text: str, level: int) -> None:
        """Add a heading; one too long to be a heading becomes a paragraph."""
        text = normalise_line(self.shown(text))
        if len(text) > MAX_HEADING_CHARS:
            self.paragraph(text)
        elif span := self._add(text, separator="\n\n"):
            self._headings.append(Heading(span=span, level=min(max(level, 1), 9)))

    def paragraph(self, text: str) -> None:
        """Add prose; line feeds in it stay."""
        self._add(normalise(self.shown(text)), separator="\n\n")

    def item(self, text: str) -> None:
        """Add a list item with its mark, on a line below the item before it."""
        text = normalise(self.shown(text))
        self._add(text, separator="\n" if self._last_kind == "item" else "\n\n")
        self._last_kind = "item"

    def code(self, text: str) -> None:
        """Add text whose indentation means something."""
        self._add(normalise_code(self.shown(text)), separator="\n\n")

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Add the rows of one table; the first is its header if it looks like one."""
        header = ""
        is_first = True
        for cells in rows:
            text = self.row(cells, header=header, starts_table=is_first)
            if text and is_first:
                header = text if is_header(cells) else ""
                is_first = False

    def row(
        self, cells: Sequence[str], *, header: str = "", group: str = "", starts_table: bool
    ) -> str:
        """Add a row of a table and return its text; a row of empty cells adds nothing.

        Args:
            cells: Of the row.
            header: What the columns are.
            group: Label of the group of rows in which it stands.
            starts_table: It is the table's first row.
        """
        text = CELL.join(normalise_line(self.shown(cell)) for cell in cells)
        text = normalise_line(text.rstrip(CELL))
        span = self._add(text, separator="\n\n" if starts_table else "\n")
        if span and (header or group):
            self._table_rows.append(
                TableRow(
                    span=span,
                    header=normalise_line(header)[:MAX_HEADER_CHARS],
                    group=normalise_line(group)[:MAX_HEADER_CHARS],
                )
            )
        return text

    def hide(self, kind: HiddenKind, text: str) -> None:
        """Keep text that is not seen on the page apart from the page's text."""
        text = normalise(text)
        if text:
            self._count(text)
            self._hidden.setdefault((len(self._pages), kind), []).append(text)
            self.flags.add(HIDDEN_TEXT)

    def shown(self, text: str) -> str:
        """Return what a reader sees of characters; what they conceal is kept apart.

        Only for text that is taken to pieces before it is added.
        """
        shown, concealed = without_concealed(text)
        if concealed:
            self.hide(HiddenKind.CHARACTERS, concealed)
        return shown

    @property
    def hides_here(self) -> bool:
        """Whether the open page has text that is not seen."""
        return any(page_index == len(self._pages) for page_index, _ in self._hidden)

    def end_page(self, page_number: int | None = None) -> None:
        """Close the page; what is added next belongs to the following one.

        Raises:
            RejectedFileError: the document has more pages than allowed.
        """
        page = ParsedPage(
            page_number=page_number,
            text="".join(self._parts),
            headings=tuple(self._headings),
            table_rows=tuple(self._table_rows),
        )
        self._pages.append(page)
        check_n_pages(len(self._pages), self._limits)
        self._start_page()

    def build(self) -> ParsedDocument:
        """Return the document of the pages closed so far.

        Raises:
            RejectedFileError: there is no text, not even a hidden one.
        """
        hiding = {page_index for page_index, _ in self._hidden}
        empty = sum(not page.text and i not in hiding for i, page in enumerate(self._pages))
        if empty == len(self._pages):
            raise self._no_text_rejection()
        if empty:
            self.flags.add("pages-without-text")
        stated = meaningful_title(self.title)
        return ParsedDocument(
            title=stated or self._foremost_heading(),
            title_is_guess=not stated and self.headings_are_guessed,
            date=self.date,
            media_type=self._media_type,
            pages=tuple(self._pages),
            hidden=tuple(
                HiddenText(page_index=page_index, kind=kind, text="\n".join(texts))
                for (page_index, kind), texts in self._hidden.items()
            ),
            flags=tuple(sorted(self.flags)),
        )

    def _no_text_rejection(self) -> RejectedFileError:
        if any(page.page_number for page in self._pages):
            return RejectedFileError(
                RejectReason.NO_TEXT,
                f"none of its {len(self._pages)} pages holds text, most likely it is a scan or "
                f"pictures; {self.advice}",
            )
        return RejectedFileError(RejectReason.EMPTY, "the file holds no text; nothing to add")

    def _start_page(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._table_rows: list[TableRow] = []
        self._last_kind = ""

    def _add(self, text: str, *, separator: str) -> Span | None:
        if not text:
            return None
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        span = Span(self._length, self._length + len(text))
        self._parts.append(text)
        self._length = span.end
        self._last_kind = ""
        self._count(text)
        return span

    def _count(self, text: str) -> None:
        self._n_chars += len(text)
        if self._n_chars > self._limits.max_chars:
            raise RejectedFileError(
                RejectReason.TOO_LARGE,
                f"the text is longer than {self._limits.max_chars:,} characters; "
                "split the file or raise ingest.max_chars",
            )

    def _foremost_heading(self) -> str:
        """Return the outermost heading of the first page that has one."""
        for page in self._pages:
            foremost = sorted(page.headings, key=lambda heading: heading.level)
            if page.page_number == 1 < len(self._pages) and _is_cover(page):
                foremost = sorted(foremost[:2], key=lambda heading: heading.span)
                return " – ".join(heading.span.slice(page.text) for heading in foremost)
            for heading in foremost:
                if title := meaningful_title(heading.span.slice(page.text)):
                    return title
        return ""


def _is_cover(page: ParsedPage) -> bool:
    """Tell whether a first page holds little but a title of two parts."""
    heading_chars = sum(heading.span.end - heading.span.start for heading in page.headings)
    return len(page.headings) > 1 and len(page.text) - heading_chars < _COVER_CHARS


def is_header(cells: Sequence[str]) -> bool:
    """Tell whether a table's first row names its columns: two or more cells, no values.

    Numbers are values; so is what stands beside a label with a colon, as in a form.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) >= 2 and all(
        _LETTER.search(cell) and not cell.endswith(":") for cell in filled
    )


def check_n_pages(n_pages: int, limits: IngestSettings) -> None:
    """Reject a document of more pages than allowed; call it before reading them."""
    if n_pages > limits.max_pages:
        raise RejectedFileError(
            RejectReason.TOO_LARGE,
            f"the file has more than {limits.max_pages:,} pages; "
            "split it or raise ingest.max_pages",
        )
