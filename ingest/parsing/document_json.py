"""Parsed documents as JSON, the only thing that a parser child hands back."""

from __future__ import annotations

from typing import Any

from assistant.types import Span
from ingest.types import Heading, ParsedDocument, ParsedPage, TableRow


def document_to_json(document: ParsedDocument) -> dict[str, Any]:
    """Return `document` as JSON values; `document_from_json` is its inverse.

    Headers of table rows are listed once a page: a sheet may have a hundred thousand rows.
    """
    return {
        "title": document.title,
        "title_is_guess": document.title_is_guess,
        "date": document.date,
        "media_type": document.media_type,
        "flags": list(document.flags),
        "pages": [_page_to_json(page) for page in document.pages],
    }


def document_from_json(values: dict[str, Any]) -> ParsedDocument:
    """Return the document that `document_to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError, IndexError: the values are something else.
    """
    date = values["date"]
    return ParsedDocument(
        title=_text(values["title"]),
        title_is_guess=values["title_is_guess"] is True,
        date=None if date is None else _text(date),
        media_type=_text(values["media_type"]),
        flags=tuple(map(_text, values["flags"])),
        pages=tuple(map(_page_from_json, values["pages"])),
    )


def _page_to_json(page: ParsedPage) -> dict[str, Any]:
    headers: dict[str, int] = {}
    for row in page.table_rows:
        headers.setdefault(row.header, len(headers))
    return {
        "page_number": page.page_number,
        "text": page.text,
        "headings": [[x.span.start, x.span.end, x.level] for x in page.headings],
        "headers": list(headers),
        "table_rows": [[x.span.start, x.span.end, headers[x.header]] for x in page.table_rows],
    }


def _page_from_json(values: dict[str, Any]) -> ParsedPage:
    text = _text(values["text"])
    number = values["page_number"]
    headers = [_text(header) for header in values["headers"]]
    return ParsedPage(
        page_number=None if number is None else int(number),
        text=text,
        headings=tuple(
            Heading(span=_span(start, end, text), level=int(level))
            for start, end, level in values["headings"]
        ),
        table_rows=tuple(
            TableRow(span=_span(start, end, text), header=headers[header])
            for start, end, header in values["table_rows"]
        ),
    )


def _span(start: Any, end: Any, text: str) -> Span:
    span = Span(int(start), int(end))
    if span.end > len(text):
        message = f"span {span} ends behind its page of {len(text)} characters; parse it again"
        raise ValueError(message)
    return span


def _text(value: Any) -> str:
    if not isinstance(value, str):
        message = f"{type(value).__name__} where text belongs; parse the file again"
        raise TypeError(message)
    return value
