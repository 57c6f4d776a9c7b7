"""The source of a citation: the PDF's page as a picture with the passage marked, or its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.types import ChunkId, DocumentId
from ui.web.resources import Resources
from ui.web.routes import PDF, file_address, picture_address
from ui.web.shown_text import plain

AROUND_CHARS = 600
"""Of the text before and after a passage."""


def draw_source(resources: Resources, citation: Mapping[str, Any]) -> None:
    """Draw the page a citation points into."""
    document_id = DocumentId(citation["document_id"])
    try:
        cited = resources.catalog.cited_page(
            document_id, ChunkId(int(citation["chunk_id"])), resources.readable
        )
    except UnknownNameError:
        st.warning("The document was removed, or you may not read it any more.")
        return
    st.markdown(f"**{plain(citation['document'])}**")
    if citation["page_number"] is not None:
        st.caption(f"Page {citation['page_number']}")
    if cited.media_type == PDF:
        address = picture_address(
            document_id, citation["chunk_id"], citation["start"], citation["end"]
        )
        # An address of this server, made of ids and numbers only.
        st.html(f'<img src="{address}" alt="The page with the passage marked" width="100%">')
    else:
        _draw_text(cited.page.text, citation["start"], citation["end"])
    address = file_address(document_id, cited.version, citation["page_number"])
    st.link_button("Open the file", address, icon=":material/open_in_new:")


def _draw_text(text: str, start: int, end: int) -> None:
    before = text[max(0, start - AROUND_CHARS) : start]
    after = text[end : end + AROUND_CHARS]
    st.markdown(
        f"{'…' if start > AROUND_CHARS else ''}{plain(before, lines=True)} "
        f":orange-background[{plain(text[start:end])}] {plain(after, lines=True)}"
        f"{'…' if end + AROUND_CHARS < len(text) else ''}"
    )
