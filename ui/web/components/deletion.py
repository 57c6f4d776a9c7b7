"""Deleting a document: confirmed, followed to its end, and proven."""

from __future__ import annotations

import streamlit as st

from assistant.store.changes import Change
from assistant.store.traces import Traces
from assistant.store.types import DocumentSummary, JobKind
from ui.web.navigation import DOCUMENTS, page_at
from ui.web.resources import Resources
from ui.web.sessions import Deletion, DocumentsState
from ui.web.shown_text import plain

REDRAW_S = 0.5


@st.dialog("Delete this document?")
def confirm_deletion(
    resources: Resources, state: DocumentsState, document: DocumentSummary
) -> None:
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
            args=(resources, state, document),
        ):
            st.switch_page(page_at(DOCUMENTS))
        if st.button("Keep it"):
            st.rerun()


def _delete(resources: Resources, state: DocumentsState, document: DocumentSummary) -> None:
    footprint = resources.catalog.footprint(document.document_id)
    request = {
        "change": Change.DELETE_DOCUMENT.value,
        "arguments": {"document_id": document.document_id},
    }
    job_id = resources.catalog.jobs.add(JobKind.CHANGE, request, resources.requested_by)
    state.deletion = Deletion(job_id, document.document, footprint)
    state.search = ""


@st.fragment(run_every=REDRAW_S)
def _draw_waiting(resources: Resources, deletion: Deletion) -> None:
    """Draw a deletion that is under way."""
    if resources.catalog.jobs.get(deletion.job_id).state.is_over:
        st.rerun()
    st.info(f"Deleting {plain(deletion.document)} …", icon=":material/hourglass_empty:")


def draw_deletion(resources: Resources, state: DocumentsState) -> None:
    """Draw the last deletion: under way, refused, or done with its proof."""
    deletion = state.deletion
    if deletion is None:
        return
    job = resources.catalog.jobs.get(deletion.job_id)
    if not job.state.is_over:
        _draw_waiting(resources, deletion)
        return
    if job.error is not None:
        st.error(plain(job.error))
    else:
        _draw_proof(deletion, resources.catalog.traces(deletion.footprint))
    if st.button("Close", key="close-deletion", icon=":material/close:"):
        state.deletion = None
        st.rerun()


def _draw_proof(deletion: Deletion, traces: Traces) -> None:
    name = plain(deletion.document)
    if not traces.is_none:
        st.error(f"{name} is deleted, but not all of it is gone; run `plinth doctor`.")
    elif traces.n_twins:
        st.warning(
            f"{name} is deleted. Its text still answers, because {traces.n_twins:,} other "
            "documents have the same bytes; delete those too if it should not."
        )
    else:
        st.success(f"{name} is deleted and answers nothing any more.", icon=":material/verified:")
    checks = (
        (traces.n_pages, len(deletion.footprint.content_ids), "versions with their pages"),
        (traces.n_chunks, len(deletion.footprint.chunk_ids), "passages"),
        (traces.n_vectors, len(deletion.footprint.chunk_ids), "vectors in the index"),
        (traces.n_files, len(deletion.footprint.versions), "stored files"),
        (traces.n_blocks, None, "passages prepared for fast answers"),
        (traces.n_replies, None, "stored answers that quote it"),
    )
    lines = [
        f"- {left:,} {what} left" + (f", of {before:,} before" if before is not None else "")
        for left, before, what in checks
    ]
    with st.expander("Proof: what every store and file holds of it now"):
        st.markdown("\n".join(lines))
