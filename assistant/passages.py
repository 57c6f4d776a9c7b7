"""How a passage is written for the model: its label, then its sentences, all of them or some."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from assistant.text import sentence_spans
from assistant.types import Chunk, DocumentRef, Span
from models.types import Block


class Located(Protocol):
    """A chunk and a document that it stands in."""

    @property
    def chunk(self) -> Chunk:
        """The text and its place."""

    @property
    def document(self) -> DocumentRef:
        """Where the reader may see it."""


def page_spans(chunk: Chunk) -> tuple[Span, ...]:
    """Return the sentences of a chunk as spans of its page."""
    start = chunk.span.start
    return tuple(Span(start + s.start, start + s.end) for s in sentence_spans(chunk.text))


def label(passage: Located) -> str:
    """Name a passage for model and matcher: title, headings, date where there is one."""
    parts = [passage.chunk.title, passage.chunk.heading]
    text = " > ".join(part for part in parts if part)
    date = passage.document.effective_date
    return f"{text} ({date})" if date else text


def write_block(passage: Located) -> Block:
    """Write a passage whole, as the generator keeps it."""
    return Block(
        name=f"{passage.chunk.content_id}/{passage.chunk.chunk_id}",
        text=write_sentences(passage, page_spans(passage.chunk)),
    )


def write_sentences(passage: Located, spans: Sequence[Span]) -> str:
    """Write some sentences in page order; gaps are marked, line breaks of lists and tables kept."""
    pieces = [f"[{label(passage)}]\n"]
    chunk = passage.chunk
    end = spans[0].start if spans else chunk.span.start
    for span in spans:
        between = chunk.text[end - chunk.span.start : span.start - chunk.span.start]
        text = chunk.text[span.start - chunk.span.start : span.end - chunk.span.start]
        pieces.append(_gap(between) + re.sub(r"\s*\n\s*", "\n", text))
        end = span.end
    return "".join(pieces)


def _gap(between: str) -> str:
    """Return what the model reads instead of the text between two shown sentences."""
    if re.search(r"\S", between):
        return " … "
    return ("\n" if "\n" in between else " ") if between else ""
