"""The documents, searched by name and page through."""

from __future__ import annotations

import streamlit as st

from assistant.store.types import DocumentSummary
from ui.web.components.document_line import describe, kind_of
from ui.web.navigation import DOCUMENT, page_at
from ui.web.services.documents import ReadableDocuments
from ui.web.sessions import DocumentsState
from ui.web.shown_text import plain, shortened

PER_PAGE = 25
NAME_CHARS = 90
SEARCH = "documents-search"


def draw_document_list(documents: ReadableDocuments, state: DocumentsState, *, empty: str) -> None:
    """Draw search, filter and one page of the documents; a click opens one."""
    types = documents.media_types()
    if not types:
        st.info(empty, icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Streamlit forgets a widget's value when another page is shown.
        st.session_state.setdefault(SEARCH, state.search)
        text = st.text_input(
            "Search by name, title or collection",
            key=SEARCH,
            placeholder="Words, then Enter",
            on_change=state.first_page,
        )
        state.search = text
        kinds = {None: "All kinds"} | {one: kind_of(one) for one in types}
        media_type = st.selectbox(
            "Kind", list(kinds), format_func=lambda one: kinds[one], on_change=state.first_page
        )
    found = documents.find(
        text=text,
        media_type=media_type,
        offset=state.page_index * PER_PAGE,
        limit=PER_PAGE,
    )
    if not found.n_total:
        st.info("No document fits. Search for fewer words or all kinds.", icon=":material/search:")
        return
    first = state.page_index * PER_PAGE + 1
    last = first + len(found.documents) - 1
    total = f"{found.n_total:,} {'document' if found.n_total == 1 else 'documents'}"
    st.caption(total if found.n_total <= PER_PAGE else f"{first:,}–{last:,} of {total}")
    for document in found.documents:
        _draw_row(document)
    if found.n_total > PER_PAGE:
        _draw_pager(state, has_more=last < found.n_total)


def _draw_row(document: DocumentSummary) -> None:
    with st.container(gap=None):
        st.page_link(
            page_at(DOCUMENT),
            label=plain(shortened(document.document, NAME_CHARS)),
            icon=":material/description:",
            query_params={"id": document.document_id},
        )
        st.caption(describe(document))


def _draw_pager(state: DocumentsState, *, has_more: bool) -> None:
    with st.container(horizontal=True):
        for label, step, is_possible in (
            ("Previous page", -1, state.page_index > 0),
            ("Next page", 1, has_more),
        ):
            st.button(label, disabled=not is_possible, on_click=state.turn, args=(step,))
