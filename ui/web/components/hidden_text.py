"""What no reader sees of a document: shown to who decides whether it answers."""

from __future__ import annotations

import streamlit as st

from assistant.store.types import DocumentSummary, HiddenPassage, HiddenPassages
from ui.hidden_words import HIDDEN_BECAUSE
from ui.web.services.hidden_texts import HiddenTexts
from ui.web.sessions import Decision, DocumentsState
from ui.web.shown_text import plain

REDRAW_S = 0.5
MOST_PASSAGES = 50
MOST_CHARS = 2_000
"""Of a passage, shown at a time."""


def draw_hidden_text(office: HiddenTexts, state: DocumentsState, document: DocumentSummary) -> None:
    """Draw the hidden texts of a document, if it has any, and what changes their use."""
    decision = state.decision
    if decision is not None and decision.document_id == document.document_id:
        job = office.job(decision.job_id)
        if not job.state.is_over:
            _draw_waiting(office, decision)
            return
        if job.error is not None:
            st.error(plain(job.error))
    found = office.of(document.document_id)
    if not found.passages:
        return
    n_chars = sum(len(one.text) for one in found.passages)
    what = f"{n_chars:,} characters of this document are on its pages, but readers do not see them"
    if found.are_used:
        st.info(f"{what}. An admin decided that it answers from them, too.")
    else:
        st.warning(f"{what}. They are left out: no answer comes from them.")
    with st.expander("What is hidden"):
        _draw_passages(found)
        label = "Leave it out again" if found.are_used else "Use the hidden text, too"
        if st.button(label, key="decide-hidden"):
            _confirm(office, state, document, found)


def _draw_passages(found: HiddenPassages) -> None:
    for passage in found.passages[:MOST_PASSAGES]:
        st.caption(_where(passage))
        st.markdown(plain(passage.text[:MOST_CHARS], lines=True))
        if len(passage.text) > MOST_CHARS:
            st.caption(f"{len(passage.text) - MOST_CHARS:,} more characters are in the file.")
    if len(found.passages) > MOST_PASSAGES:
        n_more = len(found.passages) - MOST_PASSAGES
        st.caption(f"{n_more:,} more; `plinth docs show` lists all of them.")


def _where(passage: HiddenPassage) -> str:
    because = HIDDEN_BECAUSE.get(passage.kind, passage.kind)
    part = passage.page_number or passage.page_index + 1
    return f"Page {part:,} · {because} · {len(passage.text):,} characters"


@st.dialog("Hidden text")
def _confirm(
    office: HiddenTexts, state: DocumentsState, document: DocumentSummary, found: HiddenPassages
) -> None:
    """Ask whether to change the use of hidden texts; a yes queues it."""
    st.markdown(f"**{plain(document.document)}** of collection {plain(document.collection)}")
    if found.are_used:
        label = "Leave it out"
        st.markdown("Answers will come from what readers see of this document only.")
    else:
        label = "Use it"
        st.markdown(
            "Everybody who may read this document will get answers from text that is not seen on "
            "its pages. Whoever wrote it may have hidden it on purpose: read it first. "
            "This holds until the file changes, and can be taken back."
        )
    with st.container(horizontal=True):
        decided = st.button(
            label,
            type="primary",
            key="confirm-hidden",
            on_click=_decide,
            args=(office, state, document, found),
        )
        if st.button("Change nothing") or decided:
            st.rerun()


def _decide(
    office: HiddenTexts, state: DocumentsState, document: DocumentSummary, found: HiddenPassages
) -> None:
    change = office.leave_out if found.are_used else office.use
    state.decision = Decision(change(document.document_id), document.document_id)


@st.fragment(run_every=REDRAW_S)
def _draw_waiting(office: HiddenTexts, decision: Decision) -> None:
    """Draw a decision that is under way."""
    if office.job(decision.job_id).state.is_over:
        st.rerun()
    st.info("The document is being changed …", icon=":material/hourglass_empty:")
