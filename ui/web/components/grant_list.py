"""Which groups read which collections."""

from __future__ import annotations

import streamlit as st

from assistant.store.types import CollectionSummary
from ui.web.services.people import PeopleOffice
from ui.web.sessions import PeopleState
from ui.web.shown_text import plain


def draw_grants(office: PeopleOffice, state: PeopleState) -> None:
    """Draw every collection with the groups that read it; a change takes effect at once."""
    collections, names = office.collections(), [group.name for group in office.groups()]
    if not collections:
        st.info("There are no collections yet. The first documents make one.")
        return
    st.caption(
        "A collection without a group is read by admins only. Changes take effect at once. "
        "A single document can be opened to more groups on its own page."
    )
    for collection in collections:
        _draw_collection(office, state, collection, names)


def _draw_collection(
    office: PeopleOffice, state: PeopleState, collection: CollectionSummary, names: list[str]
) -> None:
    # The key holds what is shown: a change by somebody else is drawn anew.
    key = f"grants-{collection.collection_id}-{hash(collection.groups)}"

    def change() -> None:
        with state.reporting():
            wanted = st.session_state[key]
            office.change_grants(collection.name, shown=collection.groups, wanted=wanted)

    n = collection.n_documents
    st.multiselect(
        f"{plain(collection.name)} ({n:,} {'document' if n == 1 else 'documents'})",
        names,
        default=list(collection.groups),
        key=key,
        on_change=change,
        placeholder="Admins only",
    )
