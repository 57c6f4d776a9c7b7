"""What the model is shown: which passages, which of their sentences, within a token budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.evidence.facts import states_date, states_number
from assistant.evidence.sentences import (
    EvidenceSentence,
    Sentence,
    StemWeights,
    content_stems,
)
from assistant.passages import label, write_block, write_sentences
from assistant.question import AskedValue, asked_value
from assistant.settings import AnswerSettings
from assistant.text import words
from assistant.types import Hit, Span
from models.protocols import Generator
from models.types import Block

Floats = NDArray[np.float64]

OVERLAP_WEIGHT = 0.6
"""Weight of the share of the question's rare words that a sentence holds."""
PASSAGE_WEIGHT = 1.5
"""Weight of the passage's retrieval score."""
VALUE_WEIGHT = 0.2
"""Weight of stating a value of the kind that the question asks for."""
SAME_WORDS = 0.9
"""Jaccard similarity of word multisets from which two passages count as one."""
RIVAL_SHARE = 0.8
"""A passage of another batch takes the place of one of a full batch from this share of its score
on: a planted document that says little of the matter gains no place by standing alone."""
SEPARATOR_TOKENS = 2
"""Between passages."""
WHOLE_PASSAGES = 3
"""So many kept passages are shown at most. Chosen sentences are never more to compute than so many
of the best passages whole would be."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The evidence shown to the model."""

    passages: tuple[str | Block, ...]
    """As they stand in the prompt, best last: nearest to the question."""
    sentences: tuple[EvidenceSentence, ...]
    """Every sentence shown, best passage first, page order within each."""
    best: EvidenceSentence
    """The sentence that answers best by itself."""
    best_score: float

    def shown_spans(self, hit_index: int) -> tuple[Span, ...]:
        """Return the page spans shown of one hit, in page order."""
        return tuple(s.span for s in self.sentences if s.hit_index == hit_index)


def choose_hits(hits: Sequence[Hit], settings: AnswerSettings) -> tuple[int, ...]:
    """Return the indexes of the hits to use as evidence, best first.

    Near copies count once, and no document, and no batch that documents came with, gives more than
    its share unless there is no other.
    """
    chosen: list[int] = []
    per_document: Counter[str] = Counter()
    per_batch: Counter[str] = Counter()
    spare: list[int] = []
    for index, hit in enumerate(hits):
        if any(_near_copies(hit.chunk.text, hits[other].chunk.text) for other in chosen):
            continue
        document, batch = hit.document.document_id, hit.document.batch
        is_batch_full = per_batch[batch] >= settings.passages_per_batch
        if per_document[document] >= settings.passages_per_document or (
            is_batch_full and _has_rival(index, hits)
        ):
            spare.append(index)
            continue
        per_document[document] += 1
        per_batch[batch] += 1
        chosen.append(index)
        if len(chosen) == settings.passages:
            return tuple(chosen)
    return tuple(sorted(chosen + spare[: settings.passages - len(chosen)]))


def _has_rival(index: int, hits: Sequence[Hit]) -> bool:
    """Tell whether a later hit of another batch is nearly as good as this one."""
    hit = hits[index]
    return any(
        other.document.batch != hit.document.batch and other.score >= RIVAL_SHARE * hit.score
        for other in hits[index + 1 :]
    )


def _near_copies(left: str, right: str) -> bool:
    """Tell whether two passages say the same; differing numbers always count as different."""
    one, two = Counter(words(left)), Counter(words(right))
    if {w for w in one if w[0].isdigit()} != {w for w in two if w[0].isdigit()}:
        return False
    union = (one | two).total()
    return bool(union) and (one & two).total() / union >= SAME_WORDS


def score_rest(
    question: str, hits: Sequence[Hit], sentences: Sequence[Sentence], weights: StemWeights
) -> Floats:
    """Score each sentence by all but its meaning: rare words, its passage's rank, its values.

    Words of the title and heading count for every sentence below them. What states a value of the
    kind that is asked for ("How many …?") may answer; what states none cannot.

    Returns:
        Shape [sentences]; with the cosine of sentence and question added, how well each answers.
    """
    wanted = content_stems(question)
    states = _value_test(question)
    labels = [content_stems(label(hit)) for hit in hits]
    return np.array(
        [
            OVERLAP_WEIGHT * weights.share(wanted, sentence.stems | labels[sentence.hit_index])
            + PASSAGE_WEIGHT * hits[sentence.hit_index].score
            + VALUE_WEIGHT * states(sentence.text)
            for sentence in sentences
        ]
    )


def _value_test(question: str) -> Callable[[str], bool]:
    match asked_value(question):
        case AskedValue.DATE:
            return states_date
        case AskedValue.NUMBER:
            return states_number
        case None:
            return lambda _text: False


def build_context(
    hits: Sequence[Hit],
    sentences: Sequence[EvidenceSentence],
    scores: Sequence[float],
    generator: Generator,
    *,
    budget_tokens: int,
    least_relevance: float = 0.0,
    whole_passages: bool = False,
    kept: Collection[int] = (),
) -> Context:
    """Choose sentences, best first, each with the one before it, until the rest says too little.

    The best one comes with the one after it too: "The board meets weekly. It is led by …". An
    item of a list comes with the line that announces the list, or not at all. A kept passage of
    which any sentence is chosen is shown whole: that costs little, and answers are better for it.
    Little, not nothing: every token that is computed attends to all that is shown.
    What has to be computed is what somebody waits for, so less of that is added, the more is shown
    of kept passages, and where choosing sentences would be no faster than the best passages whole.

    Args:
        hits: Evidence passages, best first; at least one.
        sentences: Their sentences in page order within each hit; at least one.
        scores: Of each sentence, higher is better.
        generator: Counts the tokens; its tokenizer is the one that matters here.
        budget_tokens: Most tokens of chosen sentences; the best one is shown even if it is longer.
            Kept passages count whole against those that must be computed.
        least_relevance: Sentences below this share of the best score are left out, 0 to 1.
        whole_passages: Show the best passages whole instead of selected sentences.
        kept: Indexes of the hits whose blocks the generator holds: no token of them is computed.
    """
    best = max(range(len(sentences)), key=lambda i: (scores[i], -i))
    costs = generator.count_tokens([s.text for s in sentences])
    openings = [
        cost + SEPARATOR_TOKENS for cost in generator.count_tokens([label(hit) for hit in hits])
    ]
    whole_costs = openings.copy()
    for sentence, cost in zip(sentences, costs, strict=True):
        whole_costs[sentence.hit_index] += cost + 1
    order = list(range(len(sentences)))
    computable = budget_tokens
    if not whole_passages:
        least = least_relevance * max(scores)
        order = [index for index in order if scores[index] >= least]
        order.sort(key=lambda i: (-scores[i], i))
        computable = min(budget_tokens, sum(whole_costs[:WHOLE_PASSAGES]))
    taken: set[int] = set()
    opened: set[int] = set()
    left = budget_tokens
    for index in order:
        hit_index = sentences[index].hit_index
        needed = _with_leads(index, sentences)
        before, after = (_beside(index, step, sentences) for step in (-1, 1))
        around = [before | after] if index == best else []
        for more in (*around, before, set[int]()):
            wanted = needed | more
            group = wanted - taken
            cost = sum(costs[i] + 1 for i in group)
            is_kept, is_new = hit_index in kept, hit_index not in opened
            if is_new:
                cost += openings[hit_index]
            if is_kept:
                fits = cost <= left and (not is_new or len(opened & set(kept)) < WHOLE_PASSAGES)
            else:
                fits = cost <= min(left, computable)
            if index not in taken and (fits or not (taken or more)):
                taken.update(group)
                opened.add(hit_index)
                left -= cost
                computable -= whole_costs[hit_index] * is_new if is_kept else cost
    whole = opened & set(kept)
    taken.update(i for i, sentence in enumerate(sentences) if sentence.hit_index in whole)
    shown = tuple(sentences[i] for i in sorted(taken))
    order_of_hits = sorted(
        opened, key=lambda h: max(scores[i] for i in taken if sentences[i].hit_index == h)
    )
    passages = tuple(
        write_block(hits[h])
        if h in whole
        else write_sentences(hits[h], [s.span for s in shown if s.hit_index == h])
        for h in order_of_hits
    )
    return Context(passages, shown, sentences[best], scores[best])


def _beside(index: int, step: int, sentences: Sequence[EvidenceSentence]) -> set[int]:
    """Return the index of a sentence's neighbour in the same passage; empty without one."""
    other = index + step
    same = 0 <= other < len(sentences) and (
        sentences[other].hit_index == sentences[index].hit_index
    )
    return {other} if same else set()


def _with_leads(index: int, sentences: Sequence[EvidenceSentence]) -> set[int]:
    """An item is never shown without the lines that announce its list."""
    leads = sentences[index].leads
    return {index, *(i for i in range(index) if any(sentences[i] is lead for lead in leads))}
