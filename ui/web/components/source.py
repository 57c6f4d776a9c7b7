"""The source of a citation: the PDF's page as a picture with the passage marked, or its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.store.types import CitedPage
from assistant.types import ChunkId, DocumentId
from ui.web.components.document_line import read_from_scan
from ui.web.navigation import DOCUMENT, page_at
from ui.web.routes import file_address, picture_address
from ui.web.services.documents import PDF, ReadableDocuments
from ui.web.sessions import AskState
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import SOURCE

AROUND_CHARS = 600
"""Of the text before and after a passage."""
QUOTE_CHARS = 300
NAME_CHARS = 60


def draw_source_pane(
    documents: ReadableDocuments, state: AskState, citations: Sequence[Mapping[str, Any]]
) -> None:
    """Draw the open source with the way to its neighbours and out of it."""
    turn_id, index = state.source or (0, 0)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, move in (("Previous", "arrow_back", -1), ("Next", "arrow_forward", 1)):
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=not 0 <= index + move < len(citations),
                on_click=state.open_source,
                args=(turn_id, index + move),
            )
        st.button("Close", icon=":material/close:", on_click=state.close_source, shortcut="Escape")
    st.caption(f"Source {index + 1} of {len(citations)}")
    draw_source(documents, citations[index], key=f"{SOURCE}-{turn_id}-{index}")


def draw_source(documents: ReadableDocuments, citation: Mapping[str, Any], *, key: str) -> None:
    """Draw the page a citation points into, under a head that stays when it is scrolled."""
    document_id = DocumentId(citation["document_id"])
    try:
        cited = documents.cited_page(document_id, ChunkId(int(citation["chunk_id"])))
    except UnknownNameError:
        with st.container(key=key):
            st.warning("The document was removed, or you may not read it any more.")
        return
    page = citation["page_number"]
    name = plain(shortened(citation["document"], NAME_CHARS))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{name}**" if page is None else f"**{name}** :gray[page {page}]")
        address = file_address(document_id, cited.version, page)
        st.link_button("Open the file", address, icon=":material/open_in_new:")
    # A key of its own, or the page would stay scrolled to where the last one was read.
    with st.container(key=key, gap="small"):
        number = cited.page.page_number
        if cited.media_type == PDF and number is not None:
            st.caption(f"“{plain(shortened(citation['quote'], QUOTE_CHARS))}”")
            if cited.scan:
                st.caption(read_from_scan(cited.scan.confidence))
            _draw_picture(document_id, citation, cited, number)
        else:
            _draw_text(cited.page.text, citation["start"], citation["end"])
        # It also lets the keyboard into this part, which scrolls.
        st.page_link(
            page_at(DOCUMENT),
            label="Read the whole document",
            icon=":material/description:",
            query_params={"id": document_id, "page": str(cited.page.page_index + 1)},
        )


def _draw_picture(
    document_id: DocumentId, citation: Mapping[str, Any], cited: CitedPage, page_number: int
) -> None:
    start, end = citation["start"], citation["end"]
    address = picture_address(document_id, cited.ordinal, page_number, start, end)
    # Where the passage stands in the text is about where it stands on the page.
    top = 100 * start / max(1, len(cited.page.text))
    # An address of this server and a place, made of ids and numbers only.
    st.html(
        f'<div class="plinth-page"><span class="plinth-place" style="top:{top:.0f}%"></span>'
        f'<img src="{address}" alt="The page with the passage marked"></div>'
    )


def _draw_text(text: str, start: int, end: int) -> None:
    before = text[max(0, start - AROUND_CHARS) : start]
    after = text[end : end + AROUND_CHARS]
    cut_before = "…" if start > AROUND_CHARS else ""
    cut_after = "…" if end + AROUND_CHARS < len(text) else ""
    st.markdown(
        f"{cut_before}{plain(before, lines=True)}{_gap(before[-1:])}"
        f":orange-background[{plain(text[start:end])}]{_gap(after[:1])}"
        f"{plain(after, lines=True)}{cut_after}"
    )


def _gap(char: str) -> str:
    """Return what stands beside the mark: a list's next item keeps its line."""
    return "  \n" if char == "\n" else " "
