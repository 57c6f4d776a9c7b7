"""All figures of a suite, from its cases and the replies to them.

Replies are objects as `plinth ask --json` prints them. A case without a reply counts as neither
answered nor abstained, so that a failure never raises a figure; how many there are stands beside
the figures as `unscored`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evals.bootstrap import Figure, mean_figure, percentile_figure, ratio_figure
from evals.place_metrics import (
    Place,
    document_precision,
    document_recall,
    is_near,
    page_precision,
    page_recall,
    place,
    reciprocal_rank,
    verbatim_quotes,
)
from evals.suites import Case
from evals.text_metrics import contains_gold, exact_match, number_recall, rouge_l, token_f1

ReplyJson = Mapping[str, Any]
CUTOFFS = (1, 3, 5)
"""Numbers of passages after which recall is measured."""
_ANSWER = ("containment", "fact_recall", "number_recall", "em", "f1", "rouge_l")
METRICS = (
    *_ANSWER,
    *(f"{name}_if_answered" for name in _ANSWER),
    "answer_rate",
    "abstention_precision",
    "abstention_recall",
    "abstention_f1",
    *(f"doc_recall_at_{cutoff}" for cutoff in CUTOFFS),
    "doc_mrr",
    *(f"number_recall_at_{cutoff}" for cutoff in CUTOFFS),
    *(f"page_recall_at_{cutoff}" for cutoff in CUTOFFS),
    "page_mrr",
    "cited",
    "citation_precision_doc",
    "citation_recall_doc",
    "citation_precision_page",
    "citation_recall_page",
    "quote_verbatim",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "total_ms_p50",
    "total_ms_p95",
)
"""Every metric name, in the order of reports."""


def score_suite(
    cases: Sequence[Case], replies: Mapping[str, ReplyJson], *, page_tolerance: int = 0
) -> dict[str, Figure]:
    """Return every figure that the cases allow, by metric name.

    Args:
        cases: What was asked.
        replies: Replies by case id.
        page_tolerance: Pages by which gold page numbers may be off.

    Returns:
        In the order of `METRICS`, and only what there is to measure: a suite without
        unanswerable questions has no `abstention_recall`, one without pages no `page_mrr`.
    """
    columns: defaultdict[str, list[float]] = defaultdict(list)
    for case in cases:
        for name, value in score_case(case, replies.get(case.id), page_tolerance):
            columns[name].append(value)
    figures = {name: mean_figure(values) for name, values in columns.items()}
    figures |= _abstention_figures(cases, replies)
    answered = [reply for case in cases if _status(reply := replies.get(case.id)) == "answered"]
    quotes = [verbatim_quotes(reply) for reply in answered if reply]
    figures["quote_verbatim"] = ratio_figure(
        [right for right, _ in quotes], [total for _, total in quotes]
    )
    figures |= _time_figures([reply for case in cases if (reply := replies.get(case.id))])
    return {name: figure for name in METRICS if (figure := figures.get(name)) is not None}


def score_case(
    case: Case, reply: ReplyJson | None, page_tolerance: int = 0
) -> Iterator[tuple[str, float]]:
    """Yield what one case adds to the metrics that are means over cases."""
    if not case.answerable:
        return
    answered = _status(reply) == "answered"
    scores = _answer_scores(case, reply["answer"] if reply and answered else "")
    yield from scores.items()
    yield "answer_rate", float(answered)
    yield from _passage_number_scores(case, reply)
    if answered:
        for name, value in scores.items():
            yield f"{name}_if_answered", value
    if case.evidence:
        gold = [place(item.document, item.page) for item in case.evidence]
        yield from _retrieval_scores(gold, _places(reply, "passages"), page_tolerance)
        if answered:
            yield from _citation_scores(gold, _places(reply, "citations"), page_tolerance)


def _answer_scores(case: Case, answer: str) -> dict[str, float]:
    held = [contains_gold(answer, fact) for fact in case.facts]
    contained = any(contains_gold(answer, gold) for gold in case.answers)
    scores = {
        "containment": float(contained or (bool(held) and all(held))),
        "em": max(exact_match(answer, gold) for gold in case.answers),
        "f1": max(token_f1(answer, gold) for gold in case.answers),
        "rouge_l": max(rouge_l(answer, gold) for gold in case.answers),
    }
    if held:
        scores["fact_recall"] = sum(held) / len(held)
    if (share := _best_number_recall(case, answer)) is not None:
        scores["number_recall"] = share
    return scores


def _best_number_recall(case: Case, text: str) -> float | None:
    shares = [number_recall(text, gold) for gold in case.answers]
    return max((share for share in shares if share is not None), default=None)


def _passage_number_scores(case: Case, reply: ReplyJson | None) -> Iterator[tuple[str, float]]:
    texts = [passage["text"] for passage in (reply or {}).get("passages", ())]
    for cutoff in CUTOFFS:
        share = _best_number_recall(case, "\n".join(texts[:cutoff]))
        if share is not None:
            yield f"number_recall_at_{cutoff}", share


def _retrieval_scores(
    gold: Sequence[Place], found: Sequence[Place], tolerance: int
) -> Iterator[tuple[str, float]]:
    for cutoff in CUTOFFS:
        yield f"doc_recall_at_{cutoff}", document_recall(gold, found[:cutoff])
    documents = {document for document, _ in gold}
    yield "doc_mrr", reciprocal_rank([document in documents for document, _ in found])
    if _has_pages(gold):
        for cutoff in CUTOFFS:
            yield f"page_recall_at_{cutoff}", page_recall(gold, found[:cutoff], tolerance)
        yield "page_mrr", reciprocal_rank([is_near(item, gold, tolerance) for item in found])


def _citation_scores(
    gold: Sequence[Place], cited: Sequence[Place], tolerance: int
) -> Iterator[tuple[str, float]]:
    yield "cited", float(bool(cited))
    yield "citation_recall_doc", document_recall(gold, cited)
    if cited:
        yield "citation_precision_doc", document_precision(gold, cited)
    if _has_pages(gold):
        yield "citation_recall_page", page_recall(gold, cited, tolerance)
        if cited:
            yield "citation_precision_page", page_precision(gold, cited, tolerance)


def _abstention_figures(
    cases: Sequence[Case], replies: Mapping[str, ReplyJson]
) -> dict[str, Figure | None]:
    """Abstentions as a search for the unanswerable cases; nothing if the suite has none."""
    unanswerable = [float(not case.answerable) for case in cases]
    if not any(unanswerable):
        return {}
    abstained = [float(_status(replies.get(case.id)) == "abstained") for case in cases]
    caught = [a * u for a, u in zip(abstained, unanswerable, strict=True)]
    # F1 = 2 TP / (abstained + unanswerable)
    either = [a + u for a, u in zip(abstained, unanswerable, strict=True)]
    return {
        "abstention_precision": ratio_figure(caught, abstained),
        "abstention_recall": ratio_figure(caught, unanswerable),
        "abstention_f1": ratio_figure([2 * c for c in caught], either),
    }


def _time_figures(replies: Sequence[ReplyJson]) -> dict[str, Figure | None]:
    figures: dict[str, Figure | None] = {}
    for name in ("ttft", "total"):
        times = [
            float(reply["timings_ms"][name])
            for reply in replies
            if reply["timings_ms"][name] is not None
        ]
        for percent in (50, 95):
            figures[f"{name}_ms_p{percent}"] = percentile_figure(times, percent)
    return figures


def _status(reply: ReplyJson | None) -> str | None:
    return reply["status"] if reply else None


def _places(reply: ReplyJson | None, key: str) -> list[Place]:
    return [place(item["document"], item["page_number"]) for item in (reply or {}).get(key, ())]


def _has_pages(gold: Sequence[Place]) -> bool:
    return any(page is not None for _, page in gold)
