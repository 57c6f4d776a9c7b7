"""What somebody else sees: the documents that this person finds, and no others."""

from __future__ import annotations

import streamlit as st

from ui.web.components.document_line import describe
from ui.web.services.people import PeopleOffice
from ui.web.shown_text import plain

MOST = 50


@st.dialog("What this person reads", width="large")
def show_seen_by(office: PeopleOffice, user: str) -> None:
    """Show the documents that a user finds; a search narrows them."""
    text = st.text_input("Search by name, title or collection", placeholder="Words, then Enter")
    found = office.seen_by(user, text=text, offset=0, limit=MOST)
    if not found.n_total:
        st.info(f"{plain(user)} finds no document{' like this' if text else ''}.")
        return
    total = f"{found.n_total:,} {'document' if found.n_total == 1 else 'documents'}"
    shown = f"; the first {MOST} are shown" if found.n_total > MOST else ""
    st.caption(f"{plain(user)} finds {total}{shown}. Answers come from these alone.")
    for document in found.documents:
        st.markdown(f"**{plain(document.document)}**  \n:small[{describe(document)}]")
