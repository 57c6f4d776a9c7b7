"""Markdown files, as the text that a reader of the rendered page sees."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

from ingest.parsing.decoding import decode
from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.front_matter import split_front_matter
from ingest.parsing.html import add_markup
from ingest.parsing.metadata import iso_date
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument


class MarkdownParser:
    """Reads CommonMark with tables as one page; links become their text."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text of the Markdown file at `path`; see `Parser.parse`."""
        decoded = decode(path.read_bytes())
        fields, text = split_front_matter(decoded.text)
        builder = DocumentBuilder(MediaType.MARKDOWN, self._settings)
        if decoded.is_guess:
            builder.flags.add("encoding-guessed")
        builder.title = fields.get("title", "")
        dates = (fields.get(name) for name in ("last_reviewed_on", "updated", "date"))
        builder.date = next((day for raw in dates if (day := iso_date(raw))), None)
        add_markup(builder, self._markdown.render(text), is_whole=False)
        builder.end_page()
        return builder.build()
