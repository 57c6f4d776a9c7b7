"""Values of the domain: documents, evidence, answers. They know nothing of storage or screens."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

CollectionId = NewType("CollectionId", int)
DocumentId = NewType("DocumentId", str)
"""Opaque, stable for one (collection, source folder, path) across versions."""
ChunkId = NewType("ChunkId", int)
Version = NewType("Version", str)
"""Lower-case hex SHA-256 of a document's bytes."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open range of characters into a stored page text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            message = f"span [{self.start}, {self.end}) is not a range; give 0 <= start <= end"
            raise ValueError(message)

    def slice(self, text: str) -> str:
        """Return the characters of `text` in this range."""
        return text[self.start : self.end]


PAGE_UNITS = 10_000
"""Into so many equal parts the width and the height of a page are divided for `WordBox`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordBox:
    """Where a word of a scanned page stands on it, in `PAGE_UNITS` from its top left corner."""

    span: Span
    """Into the page's text."""
    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        is_box = 0 <= self.left <= self.right <= PAGE_UNITS
        if not is_box or not 0 <= self.top <= self.bottom <= PAGE_UNITS:
            message = f"{self!r} is no box of a page; give 0 <= left <= right <= {PAGE_UNITS}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScan:
    """What is known of a page whose text was read from a picture by a machine."""

    confidence: int
    """How sure the machine was on the whole, 0 to 100."""
    words: tuple[WordBox, ...]
    """In order of their spans."""

    def boxes(self, start: int, end: int) -> tuple[WordBox, ...]:
        """Return the words of which something stands in [start, end) of the page's text."""
        return tuple(x for x in self.words if x.span.start < end and start < x.span.end)

    def __repr__(self) -> str:
        return f"PageScan({self.confidence} %, {len(self.words)} words)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A retrieval unit: a span of one page."""

    chunk_id: ChunkId
    content_id: int
    """The stored bytes it was made from; shared by every document with equal bytes."""
    page_index: int
    """0-based place among the stored pages of its content."""
    page_number: int | None
    """1-based physical page; None where the format has no pages."""
    span: Span
    text: str
    """Exactly `span.slice(page text)`."""
    heading: str
    """Headings above it, outermost first, joined with ' > '; may be empty."""
    title: str
    """Title of the document; the file name's stem where it has none."""

    def __repr__(self) -> str:
        where = f"{self.content_id}:{self.page_index}:{self.span.start}-{self.span.end}"
        return f"Chunk({self.chunk_id} {where} {len(self.text)} chars)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRef:
    """How a readable document is named to a reader."""

    document: str
    """Path relative to the ingested folder, forward slashes."""
    document_id: DocumentId
    version: Version
    collection: str
    effective_date: str | None = None
    """ISO date the document says it is from or valid from; None when it says nothing."""
    batch: str = ""
    """The upload or ingest run that brought it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A retrieved chunk."""

    chunk: Chunk
    document: DocumentRef
    """A document through which the reader may see the chunk."""
    score: float
    """Fused, 0 to 1, higher is better; comparable between questions."""
    rank: int
    """1-based; ties are broken by version, page and place, which no reader's permissions change."""
    dense: float
    """Cosine of query and chunk."""
    lexical: float
    """BM25 as a fraction of the most the query could score, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A hit as returned with an answer: whether, and how much of it, the model saw."""

    hit: Hit
    shown: tuple[Span, ...] = ()
    """Page spans given to the model, in order; empty if none of it was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A verbatim quote of a page that was shown to the model."""

    document: str
    document_id: DocumentId
    version: Version
    chunk_id: ChunkId
    page_number: int | None
    span: Span
    quote: str
    """Exactly `span.slice(page text)`."""

    def __post_init__(self) -> None:
        if len(self.quote) != self.span.end - self.span.start or not self.quote.strip():
            message = "a citation needs a non-empty quote as long as its span"
            raise ValueError(message)


class Support(StrEnum):
    """How well the evidence proves a sentence."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSentence:
    """One sentence of an answer and what proves it."""

    text: str
    support: Support
    citations: tuple[int, ...]
    """0-based indexes into the answer's citations; empty only if unsupported."""


class AbstentionReason(StrEnum):
    """Why there is no answer."""

    NO_EVIDENCE = "no_evidence"
    LOW_CONFIDENCE = "low_confidence"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Milliseconds from the moment the question was in hand; None: that point was not reached."""

    retrieve_ms: float
    ttft_ms: float | None
    verified_ms: float | None
    total_ms: float
    evidence_ms: float | None = None
    """To the best evidence sentence, told before anything is generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer, all generations together."""

    prompt_tokens: int = 0
    prompt_tokens_computed: int = 0
    completion_tokens: int = 0
    from_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """Which models and prompt made an answer."""

    generator: str
    generator_sha256: str
    embedder: str
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier turn of a conversation."""

    role: str
    """`user` or `assistant`."""
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept of every question, answered or not."""

    question: str
    resolved_question: str
    """The follow-up made self-contained; equal to `question` without history."""
    passages: tuple[Passage, ...]
    """Best first; at least five where the corpus has them."""
    confidence: float
    """0 to 1, higher is more likely right; see `assistant.confidence` for how far to trust it."""
    timings: Timings
    usage: Usage
    model: ModelRecord
    index_generation: int
    withheld: tuple[str, ...] = ()
    """Sentences the model wrote that the evidence did not prove."""
    signals: dict[str, float] = field(default_factory=dict)
    """What the confidence was computed from, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Sentences, each proven by citations."""

    text: str
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """The documents do not say, and why we think so."""

    text: str
    """The sentence the user reads."""
    reason: AbstentionReason
    record: Record


Reply = Answer | Abstention
