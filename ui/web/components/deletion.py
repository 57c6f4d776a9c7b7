"""Deleting a document: confirmed, followed to its end, and proven."""

from __future__ import annotations

import streamlit as st

from assistant.store.traces import Traces
from assistant.store.types import DocumentSummary
from ui.web.navigation import DOCUMENTS, page_at
from ui.web.services.intake import Intake
from ui.web.sessions import Deletion, DocumentsState
from ui.web.shown_text import plain

REDRAW_S = 0.5


@st.dialog("Delete this document?")
def confirm_deletion(intake: Intake, state: DocumentsState, document: DocumentSummary) -> None:
    """Ask whether to delete; a yes queues it."""
    st.markdown(f"**{plain(document.document)}** of collection {plain(document.collection)}")
    st.markdown(
        "All its versions, its text and its passages go, also from stored answers. "
        "This cannot be undone; the file can be added again."
    )
    with st.container(horizontal=True):
        if st.button(
            "Delete it",
            type="primary",
            icon=":material/delete:",
            on_click=_delete,
            args=(intake, state, document),
        ):
            st.switch_page(page_at(DOCUMENTS))
        if st.button("Keep it"):
            st.rerun()


def _delete(intake: Intake, state: DocumentsState, document: DocumentSummary) -> None:
    job_id, footprint = intake.delete(document.document_id)
    state.deletion = Deletion(job_id, document.document, footprint)
    state.search = ""


@st.fragment(run_every=REDRAW_S)
def _draw_waiting(intake: Intake, deletion: Deletion) -> None:
    """Draw a deletion that is under way."""
    if intake.job(deletion.job_id).state.is_over:
        st.rerun()
    st.info(f"Deleting {plain(deletion.document)} …", icon=":material/hourglass_empty:")


def draw_deletion(intake: Intake, state: DocumentsState) -> None:
    """Draw the last deletion: under way, refused, or done with its proof."""
    deletion = state.deletion
    if deletion is None:
        return
    job = intake.job(deletion.job_id)
    if not job.state.is_over:
        _draw_waiting(intake, deletion)
        return
    if job.error is not None:
        st.error(plain(job.error))
    else:
        _draw_proof(deletion, intake.traces(deletion.footprint))
    if st.button("Close", key="close-deletion", icon=":material/close:"):
        state.deletion = None
        st.rerun()


def _draw_proof(deletion: Deletion, traces: Traces) -> None:
    name = plain(deletion.document)
    if not traces.is_none:
        st.error(
            f"{name} is deleted, but not all of it is gone; `plinth docs verify-deleted` says "
            "where it is left, and what removes it."
        )
    elif traces.n_twins:
        st.warning(
            f"{name} is deleted. Its text still answers, because {traces.n_twins:,} other "
            "documents have the same bytes; delete those too if it should not."
        )
    else:
        st.success(f"{name} is deleted and answers nothing any more.", icon=":material/verified:")
    checks = (
        (traces.n_pages, len(deletion.footprint.contents), "versions with their pages"),
        (traces.n_hidden, None, "pieces of hidden text"),
        (traces.n_chunks, deletion.footprint.n_chunks, "passages"),
        (traces.n_vectors, deletion.footprint.n_chunks, "vectors in the index"),
        (traces.n_files, len(deletion.footprint.versions), "stored files"),
        (traces.n_blocks, None, "passages prepared for fast answers"),
        (traces.n_replies, None, "stored answers that quote it"),
        (traces.n_evaluated, None, "answers of evaluations that show it"),
        (traces.n_quotes, None, "gold passages of suites that quote it"),
    )
    lines = [
        f"- {left:,} {what} left" + (f", of {before:,} before" if before is not None else "")
        for left, before, what in checks
    ]
    with st.expander("Proof: what every store and file holds of it now"):
        st.markdown("\n".join(lines))
        st.caption(
            "Backups that were made before still hold it. `plinth docs verify-deleted` looks for "
            "it at any time; so does the audit log on the page People."
        )
