"""From the first admin to the second user: what is left to do, as long as something is."""

from __future__ import annotations

import streamlit as st

from assistant.access import Person
from ui.web.navigation import ACCOUNT, DOCUMENTS, page_at
from ui.web.services.people import PeopleOffice

DONE, OPEN = ":material/check_circle:", ":material/radio_button_unchecked:"


def draw_first_steps(office: PeopleOffice, person: Person) -> None:
    """Draw the steps; nothing once a second person has signed in or could."""
    users, groups, collections = office.users(), office.groups(), office.collections()
    if len(users) > 1:
        return
    steps = (
        ("Set a password of your own, on the page Account.", person.has_password),
        ("Add documents, on the page Documents.", any(one.n_documents for one in collections)),
        ("Add a group, such as *staff*.", bool(groups)),
        (
            "Let the group read a collection, under *Who reads what*.",
            any(one.groups for one in collections),
        ),
        ("Add the second person to the group, and send the link that is shown then.", False),
    )
    with st.container(border=True):
        st.markdown("**First steps**")
        for text, is_done in steps:
            st.markdown(f"{DONE if is_done else OPEN} {text}")
        with st.container(horizontal=True):
            st.page_link(page_at(ACCOUNT), label="Account", icon=":material/account_circle:")
            st.page_link(page_at(DOCUMENTS), label="Documents", icon=":material/folder:")
