"""What one case adds to the metrics, from its reply; pure functions.

Replies are objects as `plinth ask --json` prints them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evals.passage_metrics import overlap, passage_hits, passage_recall
from evals.place_metrics import (
    Place,
    document_hits,
    document_precision,
    document_recall,
    is_near,
    page_hits,
    page_precision,
    page_recall,
    place,
)
from evals.ranking import average_precision, ndcg_at, precision_at, reciprocal_rank
from evals.suites import Case
from evals.text_metrics import contains_gold, exact_match, number_recall, rouge_l, token_f1
from evals.value_metrics import states_values

ReplyJson = Mapping[str, Any]
Scores = Iterator[tuple[str, float]]
Parts = Iterator[tuple[str, tuple[float, float]]]

CUTOFFS = (1, 3, 5)
"""Numbers of passages after which recall is measured."""
CUTOFF = 5
"""Of the metrics of a ranking; every reply has as many passages."""
ANSWER = (
    "containment",
    "fact_recall",
    "number_recall",
    "values_stated",
    "em",
    "f1",
    "rouge_l",
)


def is_answered(reply: ReplyJson) -> bool:
    """Tell whether a reply is an answer."""
    return bool(reply["status"] == "answered")


def score_case(case: Case, reply: ReplyJson, page_tolerance: int = 0) -> Scores:
    """Yield what a case adds to the metrics that are means over cases."""
    if not case.answerable:
        return
    answered = is_answered(reply)
    scores = _answer_scores(case, reply["answer"] if answered else "")
    yield from scores.items()
    yield "answer_rate", float(answered)
    yield from _passage_number_scores(case, reply)
    if answered:
        for name, value in scores.items():
            yield f"{name}_if_answered", value
    if case.evidence:
        gold = [place(item.document, item.page) for item in case.evidence]
        yield from _retrieval_scores(gold, places(reply, "passages"), page_tolerance)
        if answered:
            yield from _citation_scores(gold, places(reply, "citations"), page_tolerance)
    if quotes := gold_quotes(case):
        texts = [passage["text"] for passage in reply["passages"]]
        yield from _passage_scores(quotes, texts)
        if answered and reply["citations"]:
            cited = [citation["quote"] or "" for citation in reply["citations"]]
            right = [any(overlap(one, quote) for quote in quotes) for one in cited]
            yield "citation_precision_passage", sum(right) / len(cited)
            held = [any(overlap(one, quote) for one in cited) for quote in quotes]
            yield "citation_recall_passage", sum(held) / len(quotes)


def sentence_parts(case: Case, reply: ReplyJson, page_tolerance: int = 0) -> Parts:
    """Yield (what is right, what there is) of an answer's sentences, for ratios over sentences.

    In the sense of ALCE (Gao et al., Enabling large language models to generate text with
    citations, EMNLP 2023, section 4.2), with gold evidence in the place of a judge: a sentence
    counts for recall if gold evidence is among its citations, and for precision with the share of
    its citations that is gold.
    """
    if not is_answered(reply):
        return
    sentences = reply["sentences"]
    yield "unsupported_sentences", (sum(map(_is_unsupported, sentences)), len(sentences))
    if not (case.answerable and case.evidence):
        return
    gold = [place(item.document, item.page) for item in case.evidence]
    documents = {document for document, _ in gold}
    cited = places(reply, "citations")
    rights = {"doc": [document in documents for document, _ in cited]}
    if has_pages(gold):
        rights["page"] = [is_near(item, gold, page_tolerance) for item in cited]
    if quotes := gold_quotes(case):
        rights["passage"] = [
            any(overlap(citation["quote"] or "", quote) for quote in quotes)
            for citation in reply["citations"]
        ]
    for level, right in rights.items():
        flags = [[right[number] for number in one["citations"]] for one in sentences]
        yield f"sentence_recall_{level}", (sum(map(any, flags)), len(sentences))
        yield f"sentence_precision_{level}", (sum(map(sum, flags)), sum(map(len, flags)))


def has_unsupported(reply: ReplyJson) -> bool:
    """Tell whether a sentence of an answer is not proven in full."""
    return any(map(_is_unsupported, reply["sentences"]))


def places(reply: ReplyJson, key: str) -> list[Place]:
    """Return where the passages, or the citations, of a reply lie."""
    return [place(item["document"], item["page_number"]) for item in reply[key]]


def has_pages(gold: Sequence[Place]) -> bool:
    """Tell whether gold evidence names a page."""
    return any(page is not None for _, page in gold)


def gold_quotes(case: Case) -> list[str]:
    """Return the gold passages of a case, as far as they are given."""
    return [item.quote for item in case.evidence if item.quote and item.quote.strip()]


def _is_unsupported(sentence: Mapping[str, Any]) -> bool:
    return sentence["support"] != "supported" or not sentence["citations"]


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
    stated = [states_values(answer, gold) for gold in case.answers]
    if known := [one for one in stated if one is not None]:
        scores["values_stated"] = float(any(known))
    return scores


def _best_number_recall(case: Case, text: str) -> float | None:
    shares = [number_recall(text, gold) for gold in case.answers]
    return max((share for share in shares if share is not None), default=None)


def _passage_number_scores(case: Case, reply: ReplyJson) -> Scores:
    texts = [passage["text"] for passage in reply["passages"]]
    for cutoff in CUTOFFS:
        share = _best_number_recall(case, "\n".join(texts[:cutoff]))
        if share is not None:
            yield f"number_recall_at_{cutoff}", share


def _retrieval_scores(gold: Sequence[Place], found: Sequence[Place], tolerance: int) -> Scores:
    documents = {document for document, _ in gold}
    for cutoff in CUTOFFS:
        yield f"doc_recall_at_{cutoff}", document_recall(gold, found[:cutoff])
    yield "doc_mrr", reciprocal_rank([document in documents for document, _ in found])
    yield from _ranking_scores("doc", document_hits(gold, found), len(documents))
    if has_pages(gold):
        for cutoff in CUTOFFS:
            yield f"page_recall_at_{cutoff}", page_recall(gold, found[:cutoff], tolerance)
        yield "page_mrr", reciprocal_rank([is_near(item, gold, tolerance) for item in found])
        n_pages = len({item for item in gold if item[1] is not None})
        yield from _ranking_scores("page", page_hits(gold, found, tolerance), n_pages)


def _passage_scores(quotes: Sequence[str], texts: Sequence[str]) -> Scores:
    for cutoff in CUTOFFS:
        yield f"passage_recall_at_{cutoff}", passage_recall(quotes, texts[:cutoff])
    hits = passage_hits(quotes, texts)
    yield "passage_mrr", reciprocal_rank(hits)
    yield from _ranking_scores("passage", hits, len(quotes))


def _ranking_scores(level: str, hits: Sequence[bool], n_wanted: int) -> Scores:
    yield f"{level}_precision_at_{CUTOFF}", precision_at(hits, CUTOFF)
    yield f"{level}_ndcg_at_{CUTOFF}", ndcg_at(hits, n_wanted, CUTOFF)
    yield f"{level}_map", average_precision(hits, n_wanted)


def _citation_scores(gold: Sequence[Place], cited: Sequence[Place], tolerance: int) -> Scores:
    yield "cited", float(bool(cited))
    yield "citation_recall_doc", document_recall(gold, cited)
    if cited:
        yield "citation_precision_doc", document_precision(gold, cited)
    if has_pages(gold):
        yield "citation_recall_page", page_recall(gold, cited, tolerance)
        if cited:
            yield "citation_precision_page", page_precision(gold, cited, tolerance)
