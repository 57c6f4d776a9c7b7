"""DOCX files: paragraphs, lists and tables in document order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.metadata import iso_date
from ingest.parsing.normalise import superscript
from ingest.parsing.office import opened
from ingest.parsing.sniff import MediaType
from ingest.parsing.word_look import Looks
from ingest.parsing.word_numbering import Numbering
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_TEXT_BOX = f"{_W}txbxContent"
_BOLD_LEVEL = 4
_MAX_BOLD_CHARS = 100
# What a reader of the finished document does not see, and second copies of text boxes.
_SKIPPED = {f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", _TEXT_BOX, _FALLBACK}
_BREAKS = {f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}tab": "\t", f"{_W}noBreakHyphen": "-"}


class WordParser:
    """Reads DOCX files as one page; running headers and footers are left out.

    Tracked changes are read as accepted, footnotes follow at the end.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text of the document at `path`; see `Parser.parse`."""
        # Imported here: slow to load, and most files of a corpus may be of another format.
        import docx

        with opened(path, self._settings, docx.Document) as document:
            builder = DocumentBuilder(MediaType.DOCX, self._settings)
            properties = document.core_properties
            builder.title = properties.title or ""
            builder.date = iso_date(properties.modified) or iso_date(properties.created)
            _Body(document, builder).read()
            builder.end_page()
            return builder.build()


class _Body:
    """Walks the XML itself: python-docx passes over content controls and tracked insertions."""

    def __init__(self, document: Any, builder: DocumentBuilder) -> None:
        self._document = document
        self._builder = builder
        self._heading_levels: dict[str, int] = {}
        for style in document.styles.element.iter(f"{_W}style"):
            if level := _style_level(style):
                self._heading_levels[style.get(f"{_W}styleId")] = level
        self._numbering = Numbering(document.part)
        self._looks = Looks(document)
        self._hidden: dict[HiddenKind, list[str]] = {}
        self._notes: list[str] = []

    def read(self) -> None:
        for block in _blocks(self._document.element.body):
            self._block(block)
        for part in self._document.part.rels.values():
            if part.reltype == _FOOTNOTES:
                self._footnotes(part.target_part.blob)

    def _block(self, block: Any) -> None:
        if block.tag == f"{_W}p":
            self._paragraph(block)
        else:
            self._table(block)

    def _paragraph(self, paragraph: Any) -> None:
        text = self._text(paragraph)
        mark = self._numbering.mark(paragraph) if text.strip() else ""
        level = self._level(paragraph) or (_BOLD_LEVEL if _is_bold_line(paragraph, text) else 0)
        if level:
            self._builder.heading(f"{mark} {text}", level)
        elif mark:
            self._builder.item(f"{mark} {text}")
        else:
            self._builder.paragraph(text)
        for box in _outermost(paragraph, _TEXT_BOX):
            for block in _blocks(box):
                self._block(block)

    def _level(self, paragraph: Any) -> int:
        properties = paragraph.find(f"{_W}pPr")
        if properties is None:
            return 0
        style = properties.find(f"{_W}pStyle")
        own = _outline_level(properties)
        return own or self._heading_levels.get(
            style.get(f"{_W}val") if style is not None else "", 0
        )

    def _table(self, table: Any) -> None:
        rows = [
            [list(_blocks(cell)) for cell in _children(row, f"{_W}tc")]
            for row in _children(table, f"{_W}tr")
        ]
        if max((len(cells) for cells in rows), default=0) <= 1:
            # A frame around prose.
            for block in (block for cells in rows for cell in cells for block in cell):
                self._block(block)
            return
        self._builder.table([[self._cell(blocks) for blocks in cells] for cells in rows])

    def _cell(self, blocks: list[Any]) -> str:
        return " ".join(
            " ".join(
                f"{self._numbering.mark(p)} {self._text(p)}".strip() for p in block.iter(f"{_W}p")
            )
            for block in blocks
        )

    def _footnotes(self, blob: bytes) -> None:
        root = etree.fromstring(blob, etree.XMLParser(resolve_entities=False, no_network=True))
        notes = {note.get(f"{_W}id"): note for note in root.iter(f"{_W}footnote")}
        # Marked as they are shown: counted in the order of their references.
        for number, note_id in enumerate(self._notes[:], start=1):
            if (note := notes.get(note_id)) is not None:
                text = " ".join(self._text(paragraph) for paragraph in note.iter(f"{_W}p"))
                self._builder.paragraph(f"{superscript(str(number))} {text.strip()}")

    def _text(self, paragraph: Any) -> str:
        text = "".join(self._pieces(paragraph))
        for kind, pieces in self._hidden.items():
            self._builder.hide(kind, "".join(pieces))
        self._hidden.clear()
        return text

    def _pieces(self, element: Any) -> Iterator[str]:
        for child in element:
            tag = child.tag
            if tag in _SKIPPED:
                continue
            if tag == f"{_W}r" and (kind := self._looks.hidden(child)):
                self._hidden.setdefault(kind, []).extend(self._pieces(child))
                continue
            if tag == f"{_W}t":
                text = child.text or ""
                yield superscript(text) if _is_raised(element) else text
            elif tag in _BREAKS:
                yield _BREAKS[tag]
            elif tag == f"{_W}footnoteReference":
                self._notes.append(child.get(f"{_W}id", ""))
                yield superscript(str(len(self._notes)))
            else:
                yield from self._pieces(child)


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables of a body, cell or box, through content controls."""
    for child in parent:
        if child.tag in {f"{_W}p", f"{_W}tbl"}:
            yield child
        elif child.tag in {f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml"}:
            yield from _blocks(child)


def _children(parent: Any, tag: str) -> Iterator[Any]:
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in {f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml"}:
            yield from _children(child, tag)


def _outermost(element: Any, tag: str) -> Iterator[Any]:
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in {f"{_W}del", _FALLBACK}:
            yield from _outermost(child, tag)


def _is_set(run: Any, name: str) -> bool:
    switch = run.find(f"{_W}rPr/{_W}{name}")
    return switch is not None and switch.get(f"{_W}val") not in {"0", "false", "none"}


def _is_bold_line(paragraph: Any, text: str) -> bool:
    """Tell whether a paragraph is set like a heading by someone who does not use styles."""
    text = text.strip()
    if not 2 < len(text) <= _MAX_BOLD_CHARS or text.endswith((".", ",", ";")) or "\n" in text:
        return False
    runs = [run for run in paragraph.iter(f"{_W}r") if any(t.text for t in run.iter(f"{_W}t"))]
    return bool(runs) and all(
        _is_set(run, "b")
        for run in runs
        if "".join(t.text or "" for t in run.iter(f"{_W}t")).strip()
    )


def _is_raised(run: Any) -> bool:
    raised = run.find(f"{_W}rPr/{_W}vertAlign")
    return raised is not None and raised.get(f"{_W}val") == "superscript"


def _style_level(style: Any) -> int:
    name = style.find(f"{_W}name")
    words = (name.get(f"{_W}val") or "").lower().split() if name is not None else []
    if words == ["title"]:
        return 1
    if len(words) == 2 and words[0] == "heading" and words[1].isdigit():
        return int(words[1])
    properties = style.find(f"{_W}pPr")
    return _outline_level(properties) if properties is not None else 0


def _outline_level(properties: Any) -> int:
    """Return the 1-based level that paragraph properties give; 0 for body text."""
    outline = properties.find(f"{_W}outlineLvl")
    value = int(outline.get(f"{_W}val", "9")) if outline is not None else 9
    return value + 1 if value < 9 else 0
