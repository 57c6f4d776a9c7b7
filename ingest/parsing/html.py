"""HTML files, and the HTML that Markdown and mail turn into."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from ingest.parsing.decoding import decode
from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.front_matter import split_front_matter
from ingest.parsing.html_style import is_left_out, take_hidden
from ingest.parsing.metadata import iso_date
from ingest.parsing.normalise import normalise_line, superscript
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument

_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "footer form header hr html main ol p section summary table tbody td tfoot th thead tr "
    "ul caption legend".split()
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SPACE = re.compile(r"\s+")
_DATE_FIELDS = (
    "article:modified_time", "last-modified", "dcterms.modified", "article:published_time",
    "dcterms.date", "dc.date", "date", "datepublished",
)  # fmt: skip


class HtmlParser:
    """Reads HTML files as one page: what a reader sees, without navigation."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text of the web page at `path`; see `Parser.parse`."""
        decoded = decode(path.read_bytes(), declares_encoding=True)
        fields, markup = split_front_matter(decoded.text)
        builder = DocumentBuilder(MediaType.HTML, self._settings)
        if decoded.is_guess:
            builder.flags.add("encoding-guessed")
        soup = _soup(markup)
        builder.title = fields.get("title") or _title(soup)
        builder.date = iso_date(fields.get("date")) or _date(soup)
        _add_seen(builder, soup, is_whole=True)
        builder.end_page()
        return builder.build()


def add_markup(builder: DocumentBuilder, markup: str, *, is_whole: bool) -> None:
    """Add the visible text of a piece of HTML to the open page of `builder`.

    Args:
        builder: Receives the blocks.
        markup: The HTML.
        is_whole: It is shown as it is, not as a part of a page with styles of its own.
    """
    _add_seen(builder, _soup(markup), is_whole=is_whole)


def _add_seen(builder: DocumentBuilder, soup: BeautifulSoup, *, is_whole: bool) -> None:
    for kind, text in list(take_hidden(soup, is_whole=is_whole)):
        builder.hide(kind, text)
    _Walker(builder).add(soup)


def _soup(markup: str) -> BeautifulSoup:
    with warnings.catch_warnings():
        # XHTML reads well as HTML, and a short text that looks like a path is a text.
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        warnings.simplefilter("ignore", UserWarning)
        return BeautifulSoup(markup, "lxml")


def _title(soup: BeautifulSoup) -> str:
    """Return the title, without the site's name behind it where the only h1 tells it apart."""
    title = normalise_line(soup.title.get_text()) if soup.title else ""
    headings = soup.find_all("h1")
    first = normalise_line(headings[0].get_text(" ")) if len(headings) == 1 else ""
    return first if first and (first in title or not title) else title


def _date(soup: BeautifulSoup) -> str | None:
    found = {
        str(meta.get("property") or meta.get("name") or meta.get("itemprop")).lower(): day
        for meta in soup.find_all("meta")
        if (day := iso_date(meta.get("content")))
    }
    return next((found[field] for field in _DATE_FIELDS if field in found), None)


class _Walker:
    """Gathers inline text and hands it to the builder where a block begins or ends."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._mark = ""

    def add(self, root: Tag) -> None:
        self._children(root)
        self._flush()

    def _children(self, tag: Tag) -> None:
        for child in tag.children:
            self._node(child)

    def _node(self, node: PageElement) -> None:
        if isinstance(node, NavigableString):
            if not isinstance(node, PreformattedString):  # a comment, a declaration
                self._inline.append(_SPACE.sub(" ", node))
        elif isinstance(node, Tag) and not is_left_out(node):
            self._tag(node)

    def _tag(self, tag: Tag) -> None:
        name = tag.name
        if name == "br":
            self._inline.append("\n")
        elif name == "sup":
            self._inline.append(superscript(normalise_line(tag.get_text())))
        elif name in _HEADINGS:
            self._flush()
            self._builder.heading(_seen_text(tag), int(name[1]))
        elif name == "pre":
            self._flush()
            self._builder.code(tag.get_text())
        elif name == "li":
            self._item(tag)
        elif name == "table" and (rows := _data_rows(tag)):
            self._flush()
            self._builder.table(rows)
        elif name in _BLOCKS:
            self._flush()
            self._children(tag)
            self._flush()
        else:
            self._children(tag)

    def _item(self, tag: Tag) -> None:
        self._flush()
        self._mark = "- "
        if tag.parent is not None and tag.parent.name == "ol":
            start = str(tag.parent.get("start", "1"))
            before = len(tag.find_previous_siblings("li"))
            self._mark = f"{(int(start) if start.isdigit() else 1) + before}. "
        self._children(tag)
        self._flush()
        self._mark = ""

    def _flush(self) -> None:
        text = "".join(self._inline).strip()
        self._inline.clear()
        if text and self._mark:
            self._builder.item(self._mark + text)
            self._mark = ""
        elif text:
            self._builder.paragraph(text)


def _seen_text(tag: Tag) -> str:
    pieces: list[str] = []
    for child in tag.children:
        if isinstance(child, PreformattedString):
            continue
        if isinstance(child, NavigableString):
            pieces.append(str(child))
        elif isinstance(child, Tag) and not is_left_out(child):
            is_apart = child.name == "br" or child.name in _BLOCKS or child.name == "li"
            text = _seen_text(child)
            text = superscript(text) if child.name == "sup" else text
            pieces.append(f" {text} " if is_apart else text)
    return "".join(pieces)


def _data_rows(table: Tag) -> list[list[str]]:
    """Return the cells of a table of data; nothing for one that only lays out a page."""
    if table.find(["table", *_HEADINGS]):
        return []
    rows = [
        [_seen_text(cell) for cell in row.find_all(["td", "th"])] for row in table.find_all("tr")
    ]
    return rows if max(map(len, rows), default=0) > 1 else []
