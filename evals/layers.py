"""Which layer lost a case: from parsing to the check of evidence; pure functions.

What a reply's record does not tell, whether the corpus holds what the case is about, was looked up
when it was asked and stands beside the reply as `gold` (see `evals.gold_state`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from evals.case_scores import ReplyJson, gold_quotes, has_pages, is_answered, places
from evals.outcomes import Outcome, judge
from evals.passage_metrics import holds, overlap
from evals.place_metrics import is_near, place
from evals.suites import Case
from evals.text_metrics import contains_gold


class Layer(StrEnum):
    """Where a case was lost, in the order in which a question meets them."""

    CORPUS = "not in the corpus"
    """No gold document is among those that the asker may read."""
    PARSING = "lost in parsing"
    """The document is there, but its text holds neither the gold passage nor a gold answer."""
    RETRIEVAL = "not retrieved"
    """No passage found holds the gold evidence."""
    CONTEXT = "retrieved, not shown"
    """A passage found does; what the model was shown of it does not."""
    GENERATION = "shown, not used"
    """The model was shown it and said something else."""
    ABSTENTION = "wrongly abstained"
    """The model was shown it, and the reply was that the documents do not say."""
    ATTRIBUTION = "wrongly attributed"
    """The answer is right, but no citation is gold evidence."""
    LET_THROUGH = "wrongly answered"
    """The corpus does not answer the question, and the check of evidence let an answer through."""


def lost_in(case: Case, reply: ReplyJson, page_tolerance: int = 0) -> Layer | None:
    """Return the layer that lost a case; None if it went well.

    Args:
        case: What was asked.
        reply: As `plinth ask --json` prints it, with `gold` where it was looked up.
        page_tolerance: Pages by which gold page numbers may be off.
    """
    outcome = judge(case, reply)
    if outcome is Outcome.WRONGLY_ANSWERED:
        return Layer.LET_THROUGH
    if outcome is Outcome.RIGHT:
        is_lost = case.answerable and not _cites_gold(case, reply, page_tolerance)
        return Layer.ATTRIBUTION if is_lost else None
    gold = reply.get("gold") or {}
    if gold.get("in_corpus") is False:
        return Layer.CORPUS
    if gold.get("in_text") is False:
        return Layer.PARSING
    found = [
        passage
        for passage in reply["passages"]
        if _is_gold(case, passage, passage["text"], page_tolerance)
    ]
    if not found:
        return Layer.RETRIEVAL
    if not any(_is_gold(case, one, _shown_text(one), page_tolerance) for one in found):
        return Layer.CONTEXT
    return Layer.GENERATION if is_answered(reply) else Layer.ABSTENTION


def _is_gold(case: Case, passage: Mapping[str, Any], text: str, tolerance: int) -> bool:
    """Tell whether a text of a passage holds gold evidence, as exactly as the case names it.

    With a gold quote, the quote or a gold answer must be in the text, from a gold document. Without
    one, a gold answer; or, where answers are not said word for word, any text of a gold page.
    """
    if not text or not _is_gold_place(case, passage, tolerance):
        return False
    if any(holds(text, quote) for quote in gold_quotes(case)):
        return True
    if any(contains_gold(text, answer) for answer in case.answers):
        return True
    return not gold_quotes(case)


def _is_gold_place(case: Case, item: Mapping[str, Any], tolerance: int) -> bool:
    gold = [place(one.document, one.page) for one in case.evidence]
    if not gold:
        return True
    where = place(item["document"], item["page_number"])
    if has_pages(gold) and not gold_quotes(case):
        return is_near(where, gold, tolerance)
    return where[0] in {document for document, _ in gold}


def _shown_text(passage: Mapping[str, Any]) -> str:
    if "shown_parts" not in passage:  # a reply of before they were told: all of it, or nothing
        return str(passage["text"]) if passage["shown"] else ""
    parts: Sequence[Sequence[int]] = passage["shown_parts"]
    return " ".join(passage["text"][start:end] for start, end in parts)


def _cites_gold(case: Case, reply: ReplyJson, tolerance: int) -> bool:
    if not case.evidence:
        return True
    gold = [place(one.document, one.page) for one in case.evidence]
    cited = places(reply, "citations")
    if has_pages(gold):
        return any(is_near(one, gold, tolerance) for one in cited)
    documents = {document for document, _ in gold}
    quotes = gold_quotes(case)
    return any(
        where[0] in documents
        and (not quotes or any(overlap(one["quote"] or "", quote) for quote in quotes))
        for where, one in zip(cited, reply["citations"], strict=True)
    )
