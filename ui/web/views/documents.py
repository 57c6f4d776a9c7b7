"""Documents: add them, watch them being taken in, find, read and delete them."""

from __future__ import annotations

import streamlit as st

from assistant.access import Action
from ui.web.components.deletion import draw_deletion
from ui.web.components.document_list import draw_document_list
from ui.web.components.preparing import draw_preparing
from ui.web.components.queue import draw_queue, has_work
from ui.web.components.upload_box import draw_upload_box
from ui.web.components.watched_folders import draw_watched_folders
from ui.web.desk import Desk
from ui.web.services.intake import Intake
from ui.web.sessions import DocumentsState, current_desk, documents_state

REDRAW_S = 1.0
DEFAULT_COLLECTION = "documents"
_NEW = "New collection…"
_CHOSEN = "documents-collection"


def draw() -> None:
    """Draw the page."""
    desk, state = current_desk(), documents_state()
    st.title("Documents")
    if desk.person.may(Action.CHANGE_DOCUMENTS):
        _draw_intake(desk, state)
        empty = "There are no documents yet. Drop some on the box above; the first can be asked "
        empty += "about within a minute."
    else:
        empty = "There are no documents that you may read. Ask an admin for access."
    draw_document_list(desk.documents, state, empty=empty)


def _draw_intake(desk: Desk, state: DocumentsState) -> None:
    """Draw what adds documents and shows how that goes."""
    intake = desk.intake
    draw_deletion(intake, state)
    collection = _choose_collection(intake, state)
    if collection:
        draw_upload_box(collection, max_file_bytes=intake.max_file_bytes, on_sent=lambda: None)
    else:
        st.info(
            "Name the new collection and press Enter; then files can be added to it.",
            icon=":material/edit:",
        )
    _draw_live_queue(intake, has_work(intake))
    draw_watched_folders(intake)
    draw_preparing(desk)


def _choose_collection(intake: Intake, state: DocumentsState) -> str:
    """Draw the choice of a collection and return it; empty as long as a new one has no name."""
    names = intake.collections()
    choices = [*dict.fromkeys([*names, DEFAULT_COLLECTION]), _NEW]
    if state.collection in names:
        # What was new is there by now: it stays chosen, and needs no name any more.
        st.session_state[_CHOSEN], state.collection = state.collection, None
    if st.session_state.get(_CHOSEN) not in choices:
        st.session_state[_CHOSEN] = DEFAULT_COLLECTION
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Add to collection",
            choices,
            key=_CHOSEN,
            help="Who may read is decided for a collection as a whole. A new one is read by "
            "admins only until others are let in.",
        )
        if chosen != _NEW:
            return chosen
        name = st.text_input("Name of the new collection", max_chars=100).strip()
    state.collection = name or None
    return name


def _draw_live_queue(intake: Intake, is_busy: bool) -> None:
    """Draw the queue, again and again while it is worked off; its end redraws the list below."""

    @st.fragment(run_every=REDRAW_S if is_busy else None)
    def live() -> None:
        draw_queue(intake)
        # Also a click on "Try again" in here makes work: only the page can begin to watch it.
        if is_busy != has_work(intake):
            st.rerun()

    live()
