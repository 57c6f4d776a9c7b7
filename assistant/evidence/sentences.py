"""The sentences of retrieved passages, with what matching them needs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.text import content_words, opens_item, sentence_spans, stems
from assistant.types import Hit, Span
from models.protocols import Embedder
from models.types import FloatVector

_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceSentence:
    """One sentence of a retrieved passage."""

    hit_index: int
    """0-based place of its passage among the hits."""
    span: Span
    """Characters of the page."""
    text: str
    stems: frozenset[str]
    """Stems of its content words."""
    vector: FloatVector
    """Unit vector of the sentence by itself."""
    lead: EvidenceSentence | None = None
    """Of a list's item: the line that announces the list, without which "- Glasses" says nothing
    of whether they are covered."""

    @property
    def leads(self) -> tuple[EvidenceSentence, ...]:
        """The lines that announce it, outermost first; empty outside lists."""
        return () if self.lead is None else (*self.lead.leads, self.lead)

    def __repr__(self) -> str:
        return f"EvidenceSentence(hit {self.hit_index}, {self.span.start}-{self.span.end})"


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the content words of `text`."""
    return frozenset(stems(content_words(text)))


def read_sentences(hits: Sequence[Hit], embedder: Embedder) -> tuple[EvidenceSentence, ...]:
    """Split passages into sentences and embed them in one batch; page order within each hit.

    A sentence longer than the embedder's window is represented by its first tokens: the vector
    only ranks, the whole sentence is what is shown and quoted.
    """
    found = [
        (index, Span(hit.chunk.span.start + span.start, hit.chunk.span.start + span.end))
        for index, hit in enumerate(hits)
        for span in sentence_spans(hit.chunk.text)
    ]
    texts = [
        hits[index].chunk.text[
            span.start - hits[index].chunk.span.start : span.end - hits[index].chunk.span.start
        ]
        for index, span in found
    ]
    vectors = embedder.embed_documents([_fitting(text, embedder) for text in texts])
    sentences: list[EvidenceSentence] = []
    for (index, span), text, vector in zip(found, texts, vectors, strict=True):
        lead = _lead(sentences[-1], span, text, hits[index]) if sentences else None
        lead = lead if lead is not None and lead.hit_index == index else None
        sentences.append(EvidenceSentence(index, span, text, content_stems(text), vector, lead))
    return tuple(sentences)


def _lead(previous: EvidenceSentence, span: Span, text: str, hit: Hit) -> EvidenceSentence | None:
    """Return the line that announces the list in which the sentence after `previous` stands."""
    lead = previous if previous.text.endswith(":") else previous.lead
    if lead is None or opens_item(text):
        return lead
    start = hit.chunk.span.start
    between = hit.chunk.text[previous.span.end - start : span.start - start]
    return None if _BLANK_LINE.search(between) else lead


def _fitting(text: str, embedder: Embedder) -> str:
    # A token is at least one character, so short texts need no count.
    if len(text) < embedder.info.max_tokens - 8:
        return text
    tokens = embedder.token_spans(text)
    most = embedder.info.max_tokens - 8
    return text if len(tokens) <= most else text[: tokens[most - 1][1]]


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
