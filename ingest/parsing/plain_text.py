"""Plain text files, and the plain text in mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingest.parsing.decoding import decode
from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.line_marks import DASH_MARK, ITEM_MARK, SENTENCE_END
from ingest.parsing.normalise import normalise, normalise_line
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument

_BLOCK_BREAK = re.compile(r"\n[ \t]*(?:\n[ \t]*)+|\f")
_ALIGNED = re.compile(r"\S(?: {3,}|\t)\S")
_NUMBERED_HEADING = re.compile(
    r"(?:(?:article|section|chapter|part|appendix|annex)\s+[\dIVXLC]+|\d{1,2}(?:\.\d{1,2}){0,3}\.?)"
    r"\s*[-–—:.]?\s+[A-Z][^.;:!?]*$",
    re.I,
)
_MAX_HEADING_CHARS = 80
_WIDEST_WRAP = 120
"""Longer lines are not broken by hand: each is a paragraph of its own."""


class PlainTextParser:
    """Reads text files as one page; lines broken by hand are joined to paragraphs."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text of the file at `path`; see `Parser.parse`."""
        decoded = decode(path.read_bytes())
        builder = DocumentBuilder(MediaType.TEXT, self._settings)
        if decoded.is_guess:
            builder.flags.add("encoding-guessed")
        add_plain_text(builder, decoded.text)
        builder.end_page()
        return builder.build()


def add_plain_text(builder: DocumentBuilder, text: str) -> None:
    """Add text to the open page of `builder`: paragraphs, list items, plain headings."""
    text = builder.shown(text.replace("\r\n", "\n").replace("\r", "\n"))
    width = _wrap_width(text)
    for block in _BLOCK_BREAK.split(text):
        lines = [line.rstrip() for line in block.split("\n") if line.strip()]
        if len(lines) == 1 and (level := heading_level(lines[0])):
            builder.heading(lines[0], level)
            continue
        for paragraph in _joined(lines, width):
            if ITEM_MARK.match(paragraph) or DASH_MARK.match(paragraph):
                builder.item(paragraph)
            else:
                builder.paragraph(paragraph)


def heading_level(line: str) -> int:
    """Return the level of a line that is plainly a heading standing alone; else 0.

    >>> heading_level("2.1 Travel expenses"), heading_level("SICK LEAVE"), heading_level("Hi all,")
    (2, 1, 0)
    """
    line = normalise_line(line)
    if len(line) > _MAX_HEADING_CHARS or line.endswith((".", ",", ";")):
        return 0
    if _NUMBERED_HEADING.match(line):
        number = line.split()[0].rstrip(".")
        return 1 + number.count(".") if number[0].isdigit() else 1
    n_letters = sum(character.isalpha() for character in line)
    return 1 if n_letters >= 4 and line.isupper() and n_letters > len(line) // 2 else 0


def _wrap_width(text: str) -> int:
    """Return the length at which lines were broken by hand; 0: they were not."""
    lengths = sorted(len(line.rstrip()) for line in text.split("\n") if line.strip())
    if not lengths:
        return 0
    # The longest few may be addresses or tables.
    width = lengths[int(0.95 * (len(lengths) - 1))]
    return width if 40 <= width <= _WIDEST_WRAP else 0


def _joined(lines: Sequence[str], width: int) -> list[str]:
    paragraphs: list[str] = []
    last = ""
    for line in lines:
        if paragraphs and width and _runs_on(last, line, width):
            paragraphs[-1] += f" {line.strip()}"
        elif paragraphs and not _starts_item(line) and not _starts_item(paragraphs[-1]):
            paragraphs[-1] += f"\n{line.strip()}"
        else:
            paragraphs.append(normalise(line))
        last = line
    return paragraphs


def _runs_on(last: str, line: str, width: int) -> bool:
    if _starts_item(line) or _ALIGNED.search(last.strip()) or _ALIGNED.search(line.strip()):
        return False
    if not SENTENCE_END.search(last) and line.lstrip()[:1].islower():
        return True
    return len(last) + 1 + len(line.split(maxsplit=1)[0]) > width - 2


def _starts_item(line: str) -> bool:
    line = line.lstrip()
    return bool(ITEM_MARK.match(line) or DASH_MARK.match(line))
