"""The sentences of retrieved passages, with what matching them needs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.evidence.vectors import SentenceVectors
from assistant.passages import Located, label
from assistant.text import CELL, content_words, opens_item, sentence_spans, stems
from assistant.types import Citation, Hit, Span
from models.protocols import Embedder
from models.types import FloatMatrix, FloatVector

_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One sentence of a retrieved passage."""

    hit_index: int
    """0-based place of its passage among the hits."""
    span: Span
    """Characters of the page."""
    text: str
    stems: frozenset[str]
    """Stems of its content words."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hit {self.hit_index}, {self.span.start}-{self.span.end})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceSentence(Sentence):
    """A sentence with all that matching it needs."""

    vector: FloatVector
    """Unit vector of the sentence by itself."""
    lead: EvidenceSentence | None = None
    """Of a list's item, or a row of a table: the line that announces the list or names the group
    of rows, without which "- Glasses" says nothing of whether they are covered."""
    table: str = ""
    """Of a table's row: the label of its passage, which names columns and units; else empty."""

    @property
    def leads(self) -> tuple[EvidenceSentence, ...]:
        """The lines that announce it, outermost first; empty outside lists."""
        return () if self.lead is None else (*self.lead.leads, self.lead)


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the content words of `text`."""
    return frozenset(stems(content_words(text)))


def split_sentences(hits: Sequence[Located]) -> tuple[Sentence, ...]:
    """Return the sentences of passages, in page order within each hit."""
    sentences = []
    for index, hit in enumerate(hits):
        start = hit.chunk.span.start
        for span in sentence_spans(hit.chunk.text):
            text = span.slice(hit.chunk.text)
            place = Span(start + span.start, start + span.end)
            sentences.append(Sentence(index, place, text, content_stems(text)))
    return tuple(sentences)


def with_vectors(
    sentences: Sequence[Sentence], vectors: FloatMatrix, hits: Sequence[Hit]
) -> tuple[EvidenceSentence, ...]:
    """Return the sentences of `split_sentences` with their vectors and the leads of their lists.

    Args:
        sentences: All of the hits.
        vectors: Shape [len(sentences), dim].
        hits: What the sentences stand in.
    """
    found: list[EvidenceSentence] = []
    labels = [label(hit) for hit in hits]
    for one, vector in zip(sentences, vectors, strict=True):
        lead = None
        if found and found[-1].hit_index == one.hit_index:
            lead = _lead(found[-1], one.span, one.text, hits[one.hit_index])
        table = labels[one.hit_index] if CELL in one.text else ""
        found.append(
            EvidenceSentence(
                one.hit_index, one.span, one.text, one.stems, vector, lead=lead, table=table
            )
        )
    return tuple(found)


def read_sentences(hits: Sequence[Hit], embedder: Embedder) -> tuple[EvidenceSentence, ...]:
    """Split passages into sentences and embed them all."""
    sentences = split_sentences(hits)
    vectors = SentenceVectors([sentence.text for sentence in sentences], embedder)
    return with_vectors(sentences, vectors.all(), hits)


def _lead(previous: EvidenceSentence, span: Span, text: str, hit: Hit) -> EvidenceSentence | None:
    """Return the line that announces the list in which the sentence after `previous` stands."""
    start = hit.chunk.span.start
    between = hit.chunk.text[previous.span.end - start : span.start - start]
    is_near = not _BLANK_LINE.search(between)
    names_rows = is_near and "\n" in between and CELL in text and CELL not in previous.text
    lead = previous if previous.text.endswith(":") or names_rows else previous.lead
    return lead if is_near or (lead is not None and opens_item(text)) else None


class StemWeights(Mapping[str, float]):
    """Inverse document frequency over the sentences at hand: rare words say more.

    The pool is what was retrieved for this question and reader, so a weight never depends on a
    document the reader may not see. A stem outside the pool weighs as much as the rarest one.
    """

    def __init__(self, pool: Iterable[frozenset[str]]) -> None:
        sets = list(pool)
        counts = Counter(stem for stem_set in sets for stem in stem_set)
        self._rarest = math.log1p(len(sets) + 0.5) or 1.0
        self._weights = {
            stem: math.log1p((len(sets) - count + 0.5) / (count + 0.5))
            for stem, count in counts.items()
        }

    def __getitem__(self, stem: str) -> float:
        return self._weights.get(stem, self._rarest)

    def __iter__(self) -> Iterable[str]:  # type: ignore[override]
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def share(self, wanted: frozenset[str], given: frozenset[str]) -> float:
        """Return the weighted share of `wanted` that is in `given`, 0 to 1; 0 if none is wanted."""
        total = sum(self[stem] for stem in wanted)
        return sum(self[stem] for stem in wanted & given) / total if total else 0.0


def cite(hit: Hit, sentence: Sentence) -> Citation:
    """Return a sentence of a passage as its citation."""
    return Citation(
        document=hit.document.document,
        document_id=hit.document.document_id,
        version=hit.document.version,
        chunk_id=hit.chunk.chunk_id,
        page_number=hit.chunk.page_number,
        span=sentence.span,
        quote=sentence.text,
    )
