"""XLSX and CSV files: rows as lines, each with the header of its columns."""

from __future__ import annotations

import csv
import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from ingest.errors import RejectedFileError
from ingest.parsing.decoding import decode
from ingest.parsing.document_builder import DocumentBuilder, check_n_pages, is_header
from ingest.parsing.metadata import iso_date
from ingest.parsing.office import opened
from ingest.parsing.sheet_look import HiddenParts, hidden_cell, hidden_parts
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument, RejectReason

_DELIMITERS = ",;\t|"
_SNIFFED_LINES = 20
_SNIFFED_CHARS = 50_000


class WorkbookParser:
    """Reads XLSX files: a page for each sheet that holds something, headed by its name."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the sheets of the workbook at `path`; see `Parser.parse`."""
        # Imported here: slow to load, and most files of a corpus may be of another format.
        import openpyxl

        def load(file: IO[bytes]) -> Any:
            return openpyxl.load_workbook(file, read_only=True, data_only=True)

        with warnings.catch_warnings(), opened(path, self._settings, load) as workbook:
            # openpyxl warns of features that it drops; none of them is text.
            warnings.simplefilter("ignore", UserWarning)
            builder = DocumentBuilder(MediaType.XLSX, self._settings)
            builder.title = workbook.properties.title or ""
            builder.date = iso_date(workbook.properties.modified)
            check_n_pages(len(workbook.worksheets), self._settings)
            try:
                for sheet in workbook.worksheets:
                    _add_sheet(builder, sheet)
                return builder.build()
            finally:
                workbook.close()


class CsvParser:
    """Reads files of separated values as one table; delimiter and header are found out."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the table at `path`; see `Parser.parse`."""
        decoded = decode(path.read_bytes())
        builder = DocumentBuilder(MediaType.CSV, self._settings)
        if decoded.is_guess:
            builder.flags.add("encoding-guessed")
        rows = csv.reader(
            io.StringIO(decoded.text, newline=""), delimiter=_delimiter(decoded.text), strict=False
        )
        try:
            _add_rows(builder, rows)
        except csv.Error as exc:
            raise RejectedFileError(
                RejectReason.CORRUPT, f"the separated values cannot be read ({exc}); check quotes"
            ) from exc
        builder.end_page()
        return builder.build()


def _add_sheet(builder: DocumentBuilder, sheet: Any) -> None:
    # Programs write wrong dimensions; without them every row that there is gets read.
    sheet.reset_dimensions()
    with sheet._get_source() as source:
        parts = hidden_parts(source.read())
    rows = (_seen(builder, row, parts) for row in sheet.iter_rows())
    if sheet.sheet_state != "visible":
        _hide_sheet(builder, sheet.title, rows)
        return
    filled = (cells for cells in rows if any(cells))
    first = next(filled, None)
    if first is not None:
        builder.heading(sheet.title, 1)
        _add_rows(builder, _chained(first, filled))
    if first is not None or builder.hides_here:
        builder.end_page()


def _hide_sheet(builder: DocumentBuilder, title: str, rows: Iterator[list[str]]) -> None:
    """Keep the rows of a sheet that is not shown apart, as those of an empty page."""
    lines = [" | ".join(filter(None, cells)) for cells in rows if any(cells)]
    if lines or builder.hides_here:
        builder.hide(HiddenKind.SHEET, "\n".join([title, *lines]))
        builder.end_page()


def _seen(builder: DocumentBuilder, row: Iterable[Any], parts: HiddenParts) -> list[str]:
    """Return the cells of a row as the sheet shows them; what it hides is kept apart."""
    shown: list[str] = []
    hidden: dict[HiddenKind, list[str]] = {}
    for cell in row:
        text = _shown(cell)
        if text and (kind := hidden_cell(cell, parts)):
            hidden.setdefault(kind, []).append(text)
            text = ""
        shown.append(text)
    for kind, texts in hidden.items():
        builder.hide(kind, " | ".join(texts))
    return shown


def _add_rows(builder: DocumentBuilder, rows: Iterator[list[str]]) -> None:
    """Add rows; those of one cell before the table are its captions."""
    header, starts_table = "", True
    for cells in rows:
        n_filled = sum(1 for cell in cells if cell.strip())
        if not n_filled:
            continue
        if starts_table and n_filled == 1:
            builder.paragraph(" ".join(cells))
            continue
        text = builder.row(cells, header=header, starts_table=starts_table)
        if starts_table and is_header(cells):
            header = text
        starts_table = False


def _chained(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _shown(cell: Any) -> str:
    """Return a cell as the sheet shows it, near enough to be quoted."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | datetime | time):
        return value.isoformat(*([" "] if isinstance(value, datetime) else []))
    if isinstance(value, int | float):
        is_fraction = "%" in (cell.number_format or "")
        return f"{value * 100:.10g}%" if is_fraction else f"{value:.15g}"
    return str(value)


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines most evenly into most fields."""
    start = text[:_SNIFFED_CHARS].splitlines()
    lines = [line for line in start if line.strip()][:_SNIFFED_LINES]

    def evenness(delimiter: str) -> tuple[float, int]:
        counts = [len(fields) for fields in csv.reader(lines, delimiter=delimiter)]
        if not counts or max(counts) < 2:
            return 0.0, 0
        n_fields, n_lines = Counter(counts).most_common(1)[0]
        return (n_lines / len(counts), n_fields) if n_fields > 1 else (0.0, 0)

    return max(_DELIMITERS, key=evenness)
