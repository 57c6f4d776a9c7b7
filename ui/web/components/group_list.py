"""The groups: add and remove."""

from __future__ import annotations

import streamlit as st

from assistant.store.types import GroupSummary
from ui.web.services.people import PeopleOffice
from ui.web.sessions import PeopleState
from ui.web.shown_text import plain

NAMED = 8
"""Members that are named; the others are counted."""


def draw_groups(office: PeopleOffice, state: PeopleState) -> None:
    """Draw the groups."""
    with st.form("new-group", clear_on_submit=True):
        name = st.text_input("Name of a new group", max_chars=100)
        is_sent = st.form_submit_button("Add group", icon=":material/group_add:", type="primary")
    if is_sent and name:
        with state.reporting():
            office.add_group(name.strip())
        st.rerun()
    groups = office.groups()
    if not groups:
        st.info("There are no groups yet. People read what their groups may read.")
    for group in groups:
        _draw_group(office, state, group)


def _draw_group(office: PeopleOffice, state: PeopleState, group: GroupSummary) -> None:
    key = group.name.encode().hex()
    with st.container(horizontal=True, vertical_alignment="center", key=f"group-{key}"):
        st.markdown(f"**{plain(group.name)}** · {_members(group.users)} · reads {_read(group)}")
        with st.popover("Remove", icon=":material/delete:", type="tertiary", key=f"drop-{key}"):
            st.markdown(
                f"Remove {plain(group.name)}? Its members lose what only this group may read."
            )
            if st.button("Remove it", key=f"remove-group-{key}", type="primary"):
                with state.reporting():
                    office.remove_group(group.name)
                st.rerun()


def _members(users: tuple[str, ...]) -> str:
    if not users:
        return "nobody"
    more = f" and {len(users) - NAMED} more" if len(users) > NAMED else ""
    return ", ".join(map(plain, users[:NAMED])) + more


def _read(group: GroupSummary) -> str:
    parts = list(map(plain, group.collections))
    if group.documents:
        n = len(group.documents)
        parts.append(f"{n} single {'document' if n == 1 else 'documents'}")
    return ", ".join(parts) or "nothing"
