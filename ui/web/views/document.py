"""Document: one document with its versions and pages, and its deletion."""

from __future__ import annotations

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.types import DocumentId
from ui.web.components.document_detail import draw_document
from ui.web.navigation import DOCUMENTS, page_at
from ui.web.sessions import current_desk, documents_state
from ui.web.stylesheet import READING

ID, PAGE = "id", "page"
"""Names in the page's address."""


def draw() -> None:
    """Draw the page."""
    desk = current_desk()
    with st.container(key=READING):
        st.page_link(page_at(DOCUMENTS), label="All documents", icon=":material/arrow_back:")
        try:
            document_id = DocumentId(st.query_params.get(ID, ""))
            detail = desk.documents.document(document_id)
        except UnknownNameError:
            st.warning("There is no such document. It was deleted, or you may not read it.")
            return
        state = documents_state()
        state.note_read(desk, detail.summary)
        draw_document(desk, state, detail, _shown_page(), on_turn=_turn)


def _shown_page() -> int:
    """Return the 0-based page that the address names; the first one if it names none."""
    text = st.query_params.get(PAGE, "")
    return max(0, int(text) - 1) if text.isdecimal() and len(text) < 9 else 0


def _turn(index: int) -> None:
    st.query_params[PAGE] = str(index + 1)
