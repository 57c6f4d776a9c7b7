"""Parsed documents as JSON, the only thing that a parser child hands back."""

from __future__ import annotations

from typing import Any

from assistant.types import PageScan, Span, WordBox
from ingest.types import (
    Heading,
    HiddenKind,
    HiddenText,
    ParsedDocument,
    ParsedPage,
    TableRow,
)


def document_to_json(document: ParsedDocument) -> dict[str, Any]:
    """Return `document` as JSON values; `document_from_json` is its inverse.

    Headers and groups of table rows are listed once a page: a sheet may have a hundred thousand
    rows.
    """
    return {
        "title": document.title,
        "title_is_guess": document.title_is_guess,
        "date": document.date,
        "media_type": document.media_type,
        "flags": list(document.flags),
        "has_scans": document.has_scans,
        "pages": [_page_to_json(page) for page in document.pages],
        "hidden": [[one.page_index, one.kind.value, one.text] for one in document.hidden],
    }


def document_from_json(values: dict[str, Any]) -> ParsedDocument:
    """Return the document that `document_to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError, IndexError: the values are something else.
    """
    date = values["date"]
    pages = tuple(map(_page_from_json, values["pages"]))
    return ParsedDocument(
        title=_text(values["title"]),
        title_is_guess=values["title_is_guess"] is True,
        date=None if date is None else _text(date),
        media_type=_text(values["media_type"]),
        flags=tuple(map(_text, values["flags"])),
        has_scans=values["has_scans"] is True,
        pages=pages,
        hidden=tuple(
            HiddenText(page_index=_index(place, pages), kind=HiddenKind(kind), text=_text(text))
            for place, kind, text in values["hidden"]
        ),
    )


def _page_to_json(page: ParsedPage) -> dict[str, Any]:
    names: dict[str, int] = {}
    for row in page.table_rows:
        names.setdefault(row.header, len(names))
        names.setdefault(row.group, len(names))
    return {
        "page_number": page.page_number,
        "text": page.text,
        "headings": [[x.span.start, x.span.end, x.level] for x in page.headings],
        "row_names": list(names),
        "table_rows": [
            [x.span.start, x.span.end, names[x.header], names[x.group]] for x in page.table_rows
        ],
        "scan": page.scan and _scan_to_json(page.scan),
    }


def _scan_to_json(scan: PageScan) -> dict[str, Any]:
    return {
        "confidence": scan.confidence,
        "words": [[x.span.start, x.span.end, x.left, x.top, x.right, x.bottom] for x in scan.words],
    }


def _scan_from_json(values: dict[str, Any], text: str) -> PageScan:
    words = tuple(
        WordBox(span=_span(start, end, text), left=left, top=top, right=right, bottom=bottom)
        for start, end, left, top, right, bottom in (map(int, word) for word in values["words"])
    )
    return PageScan(confidence=min(max(int(values["confidence"]), 0), 100), words=words)


def _page_from_json(values: dict[str, Any]) -> ParsedPage:
    text = _text(values["text"])
    number = values["page_number"]
    names = [_text(name) for name in values["row_names"]]
    return ParsedPage(
        page_number=None if number is None else int(number),
        text=text,
        headings=tuple(
            Heading(span=_span(start, end, text), level=int(level))
            for start, end, level in values["headings"]
        ),
        table_rows=tuple(
            TableRow(span=_span(start, end, text), header=names[header], group=names[group])
            for start, end, header, group in values["table_rows"]
        ),
        scan=_scan_from_json(values["scan"], text) if values["scan"] else None,
    )


def _span(start: Any, end: Any, text: str) -> Span:
    span = Span(int(start), int(end))
    if span.end > len(text):
        message = f"span {span} ends behind its page of {len(text)} characters; parse it again"
        raise ValueError(message)
    return span


def _index(value: Any, pages: tuple[ParsedPage, ...]) -> int:
    index = int(value)
    if not 0 <= index < len(pages):
        message = f"text of page {index} of a document of {len(pages)}; parse it again"
        raise ValueError(message)
    return index


def _text(value: Any) -> str:
    if not isinstance(value, str):
        message = f"{type(value).__name__} where text belongs; parse the file again"
        raise TypeError(message)
    return value
