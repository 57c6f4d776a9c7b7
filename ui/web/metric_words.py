"""Metrics in plain words, and which of them tell most at a glance."""

from __future__ import annotations

from types import MappingProxyType

from evals.layers import Layer
from evals.metrics import SHARES

_ANSWERS = {
    "containment": "Right answers, of the answerable: a gold answer is in the answer",
    "fact_recall": "Facts of a complete answer that are in the answer",
    "number_recall": "Numbers of the gold answer that are in the answer",
    "values_stated": "Answers with all numbers, dates and units of the gold answer",
    "em": "Answers that are the gold answer, word for word",
    "f1": "Words shared with the gold answer",
    "rouge_l": "Words shared with the gold answer, in its order",
}
WORDS = MappingProxyType(
    _ANSWERS
    | {f"{name}_if_answered": f"{words}; answered only" for name, words in _ANSWERS.items()}
    | {
        "answer_rate": "Answerable questions that were answered",
        "abstention_precision": "Abstentions that were right to abstain",
        "abstention_recall": "Unanswerable questions that were left unanswered",
        "abstention_f1": "Abstaining, both taken together",
        "risk_area": "Wrong answers among the surer ones, on average; less is better",
        "calibration_error": "How far confidence is from being right; less is better",
        "doc_recall_at_1": "Right document is the first passage",
        "doc_recall_at_3": "Right documents found in 3 passages",
        "doc_recall_at_5": "Right documents found in 5 passages",
        "doc_precision_at_5": "Of the first 5 documents, how many are right",
        "doc_ndcg_at_5": "Right documents among the first 5, the first counting most",
        "doc_map": "Right documents before wrong ones",
        "doc_mrr": "How far up the right document is; 1: first",
        "page_recall_at_1": "Right page is the first passage",
        "page_recall_at_3": "Right pages found in 3 passages",
        "page_recall_at_5": "Right pages found in 5 passages",
        "page_precision_at_5": "Of the first 5 pages, how many are right",
        "page_ndcg_at_5": "Right pages among the first 5, the first counting most",
        "page_map": "Right pages before wrong ones",
        "page_mrr": "How far up the right page is; 1: first",
        "passage_recall_at_1": "Gold passage is the first passage",
        "passage_recall_at_3": "Gold passages found in 3 passages",
        "passage_recall_at_5": "Gold passages found in 5 passages",
        "passage_precision_at_5": "Of the first 5 passages, how many are gold",
        "passage_ndcg_at_5": "Gold passages among the first 5, the first counting most",
        "passage_map": "Gold passages before others",
        "passage_mrr": "How far up the gold passage is; 1: first",
        "number_recall_at_1": "Numbers of the gold answer that are in the first passage",
        "number_recall_at_3": "Numbers of the gold answer found in 3 passages",
        "number_recall_at_5": "Numbers of the gold answer found in 5 passages",
        "cited": "Answers with a source",
        "citation_precision_doc": "Sources from a right document",
        "citation_recall_doc": "Right documents that are cited",
        "citation_precision_page": "Sources from a right page",
        "citation_recall_page": "Right pages that are cited",
        "citation_precision_passage": "Sources that are a gold passage",
        "citation_recall_passage": "Gold passages that are cited",
        "sentence_precision_doc": "Sources of sentences from a right document",
        "sentence_recall_doc": "Sentences with a source from a right document",
        "sentence_precision_page": "Sources of sentences from a right page",
        "sentence_recall_page": "Sentences with a source from a right page",
        "sentence_precision_passage": "Sources of sentences that are a gold passage",
        "sentence_recall_passage": "Sentences with a gold passage as their source",
        "quote_verbatim": "Quotes that are word for word in the document",
        "unsupported_sentences": "Sentences that are not proven in full; less is better",
        "fully_supported": "Answers of which every sentence is proven in full",
        "ttft_ms_p50": "Time to the first word: half are faster",
        "ttft_ms_p95": "Time to the first word: 95 of 100 are faster",
        "total_ms_p50": "Time to the whole answer: half are faster",
        "total_ms_p95": "Time to the whole answer: 95 of 100 are faster",
        "prompt_tokens": "Tokens that the model was shown",
        "prompt_tokens_computed": "Tokens of them that had to be computed",
        "tokens_per_second": "Tokens written in a second",
        "peak_memory_mb": "Most memory that was in use, in MB",
        "joules": "Energy that a question took, in joules",
    }
)
"""What a figure says, by the metric's name."""
SHORT = MappingProxyType(
    {
        "containment": "Right if answerable",
        "answer_rate": "Answered",
        "abstention_precision": "Abstained rightly",
        "abstention_recall": "Unanswerable noticed",
        "page_recall_at_5": "Page found",
        "doc_recall_at_5": "Document found",
        "citation_precision_page": "Sources right",
        "citation_recall_page": "Right page cited",
        "quote_verbatim": "Quotes verbatim",
    }
)
"""Metrics of the plot, with words that fit beside it, in its order."""

LAYERS = MappingProxyType(
    {
        Layer.CORPUS: "Not in the corpus",
        Layer.PARSING: "Lost in parsing",
        Layer.RETRIEVAL: "Not found",
        Layer.CONTEXT: "Found, not shown",
        Layer.GENERATION: "Shown, not used",
        Layer.ABSTENTION: "Shown, abstained",
        Layer.ATTRIBUTION: "Other source cited",
        Layer.LET_THROUGH: "Answered anyway",
    }
)
"""Where a case was lost, in words that fit beside a bar."""


def is_share(metric: str) -> bool:
    """Tell whether a metric lies between 0 and 1; others are times, sizes and counts."""
    return metric in SHARES


def figure_text(metric: str, number: float) -> str:
    """Return a figure as people write it.

    >>> figure_text("em", 0.5), figure_text("ttft_ms_p50", 1234.0), figure_text("joules", 12.0)
    ('50 %', '1.2 s', '12')
    """
    if is_share(metric):
        return f"{number * 100:.0f} %"
    if "_ms_" not in metric:
        return f"{number:,.0f}"
    return f"{number / 1000:.1f} s" if number >= 1000 else f"{number:.0f} ms"


def change_text(metric: str, number: float) -> str:
    """Return a difference with its sign; of shares in points of a hundred.

    >>> change_text("em", -0.051), change_text("ttft_ms_p50", 120.0)
    ('-5.1', '+120 ms')
    """
    if is_share(metric):
        return f"{number * 100:+.1f}"
    return f"{number:+,.0f}{' ms' if '_ms_' in metric else ''}"


def duration_text(seconds: float) -> str:
    """Return a time to wait in round words.

    >>> duration_text(44), duration_text(170), duration_text(2 * 3600)
    ('45 s', '3 min', '2.0 h')
    """
    if seconds < 118:
        return f"{max(5, round(seconds / 5) * 5)} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
