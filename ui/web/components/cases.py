"""The questions of a run one by one: gold, answer, evidence and passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from evals.judged import JudgedCase
from evals.layers import Layer
from evals.outcomes import Outcome
from evals.place_metrics import is_near, place
from evals.suites import Case
from ui.web.components.reply import place as place_name
from ui.web.components.reply import sentences_markdown
from ui.web.routes import file_address
from ui.web.shown_text import plain, shortened

TITLE_CHARS = 120
GOLD_CHARS = 600
PASSAGE_CHARS = 400
LOOKS = {
    Outcome.WRONG: ("Wrong", "cancel"),
    Outcome.WRONGLY_ABSTAINED: ("Abstained wrongly", "help"),
    Outcome.WRONGLY_ANSWERED: ("Answered an unanswerable question", "report"),
    Outcome.UNSCORED: ("Unscored", "hourglass_empty"),
    Outcome.RIGHT: ("Right", "check_circle"),
}
"""Words and icon of every outcome, the wrong ones first."""

WHAT_IT_MEANS = {
    Layer.CORPUS: "No gold document is among the documents: take it in, or correct the case.",
    Layer.PARSING: "The document's text holds neither the gold passage nor a gold answer.",
    Layer.RETRIEVAL: "No passage found holds the gold evidence.",
    Layer.CONTEXT: "A passage found holds it; the part of it shown to the model does not.",
    Layer.GENERATION: "The model was shown it and said something else.",
    Layer.ABSTENTION: "The model was shown it; the reply was that the documents do not say.",
    Layer.ATTRIBUTION: "The answer is right, but no source that it cites is gold evidence.",
    Layer.LET_THROUGH: "The check of evidence let an answer through.",
}


def draw_case(judged: JudgedCase) -> None:
    """Draw a case, folded under its question."""
    words, icon = LOOKS[judged.outcome]
    title = f"{plain(shortened(judged.case.question, TITLE_CHARS))} :gray[· {words}]"
    with st.expander(title, icon=f":material/{icon}:"):
        _draw_question(judged.case)
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**Gold answer**")
            draw_gold(judged.case)
        with right:
            st.markdown("**Answer**")
            _draw_answer(judged)
        if judged.layer is not None:
            st.caption(f"Lost: {judged.layer}. {WHAT_IT_MEANS[judged.layer]}")
        if judged.reply is not None:
            st.markdown("**Passages found**, best first")
            _draw_passages(judged, judged.reply["passages"])


def _draw_question(case: Case) -> None:
    for turn in case.history:
        st.caption(f"{turn.role}: {plain(turn.content)}")
    st.markdown(f"**Question** {plain(case.question, lines=True)}")
    tags = f" · {plain(', '.join(case.tags))}" if case.tags else ""
    st.caption(f"Case {plain(case.id)}{tags}")


def draw_gold(case: Case) -> None:
    """Draw what a right reply says, and where it stands."""
    if not case.answerable:
        st.markdown("None: the documents do not say, so the right reply is to abstain.")
        return
    for answer in case.answers:
        st.markdown(f"- {plain(shortened(answer, GOLD_CHARS))}")
    if case.facts:
        st.markdown("Facts of a complete answer:")
        st.markdown("\n".join(f"- {plain(shortened(fact, GOLD_CHARS))}" for fact in case.facts))
    if case.evidence:
        st.markdown("**Gold evidence**")
    for item in case.evidence:
        named = place_name({"document": item.document, "page_number": item.page})
        quote = f"  \n:gray[“{plain(shortened(item.quote, GOLD_CHARS))}”]" if item.quote else ""
        st.markdown(f"- {plain(named)}{quote}")


def _draw_answer(judged: JudgedCase) -> None:
    reply = judged.reply
    if reply is None:
        st.markdown(plain(judged.error or "Not asked yet."))
        return
    if reply["resolved_question"] != reply["question"]:
        st.caption(f"Understood as: {plain(reply['resolved_question'])}")
    if reply["status"] != "answered":
        reason = str(reply["reason"]).replace("_", " ")
        st.markdown(f":material/help: The documents do not say. :gray[({plain(reason)})]")
        for text in reply["withheld"]:
            st.markdown(f":gray[Withheld, not proven: {plain(text)}]")
        return
    st.markdown(sentences_markdown(reply["sentences"]))
    for index, citation in enumerate(reply["citations"]):
        # An address of this server, made of an id, a hash and a number.
        address = file_address(
            citation["document_id"], citation["version"], citation["page_number"]
        )
        st.markdown(
            f":blue-background[{index + 1}] [{plain(place_name(citation))}]({address})"
            f"{_gold_mark(judged, citation)}  \n:gray[“{plain(citation['quote'])}”]"
        )


def _draw_passages(judged: JudgedCase, passages: Sequence[Mapping[str, Any]]) -> None:
    if not passages:
        st.caption("None.")
    for passage in passages:
        seen = "shown to the model" if passage["shown"] else "not shown"
        st.markdown(
            f"- {passage['score']:.2f} · {plain(place_name(passage))} · {seen}"
            f"{_gold_mark(judged, passage)}  \n"
            f"  :gray[{plain(shortened(passage['text'], PASSAGE_CHARS))}]"
        )


def _gold_mark(judged: JudgedCase, item: Mapping[str, Any]) -> str:
    gold = [place(evidence.document, evidence.page) for evidence in judged.case.evidence]
    found = place(item["document"], item["page_number"])
    if any(page is not None for _, page in gold):
        return " · :green[gold page]" if is_near(found, gold, judged.page_tolerance) else ""
    return " · :green[gold document]" if found[0] in {document for document, _ in gold} else ""
