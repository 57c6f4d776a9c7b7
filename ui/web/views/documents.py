"""Documents: add them, watch them being taken in, find, read and delete them."""

from __future__ import annotations

import streamlit as st

from ui.web import resources
from ui.web.components.deletion import draw_deletion
from ui.web.components.document_list import draw_document_list
from ui.web.components.queue import draw_queue, has_work
from ui.web.components.upload_box import draw_upload_box
from ui.web.resources import Resources
from ui.web.sessions import documents_state

REDRAW_S = 1.0
DEFAULT_COLLECTION = "documents"
_NEW = "New collection…"


def draw() -> None:
    """Draw the page."""
    opened, state = resources.current(), documents_state()
    st.title("Documents")
    draw_deletion(opened, state)
    collection = _choose_collection(opened)
    draw_upload_box(collection, on_sent=lambda: None)
    _draw_live_queue(opened, has_work(opened))
    draw_document_list(opened, state)


def _choose_collection(opened: Resources) -> str:
    names = [one.name for one in opened.catalog.collections()]
    choices = [*dict.fromkeys([*names, DEFAULT_COLLECTION]), _NEW]
    index = choices.index(DEFAULT_COLLECTION)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Add to collection",
            choices,
            index=index,
            help="What is granted together. A new collection is read by admins only.",
        )
        if chosen == _NEW:
            return st.text_input("Its name", max_chars=100).strip() or DEFAULT_COLLECTION
    return chosen


def _draw_live_queue(opened: Resources, is_busy: bool) -> None:
    """Draw the queue, again and again while it is worked off; its end redraws the list below."""

    @st.fragment(run_every=REDRAW_S if is_busy else None)
    def live() -> None:
        draw_queue(opened)
        if is_busy and not has_work(opened):
            st.rerun()

    live()
