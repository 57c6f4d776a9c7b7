"""The people: add, change, suspend, see as, remove."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from assistant.access import Role
from assistant.store.types import UserSummary
from ui.addresses import link_address
from ui.web.components.seen_by import show_seen_by
from ui.web.services.people import PeopleOffice
from ui.web.sessions import PeopleState
from ui.web.shown_text import plain

WHAT_ROLES_DO = (
    "Employees ask and read. Evaluators also run evaluations. Admins also add documents, manage "
    "people, and read everything."
)


def draw_users(office: PeopleOffice, state: PeopleState, page_url: str | None) -> None:
    """Draw the people.

    Args:
        office: Changes them.
        state: Of the page.
        page_url: Where the browser is, for the links that are shown.
    """
    _draw_new(office, state)
    if state.link is not None:
        _draw_link(state, page_url)
    for user in office.users():
        _draw_user(office, state, user)


def _draw_new(office: PeopleOffice, state: PeopleState) -> None:
    names = [group.name for group in office.groups()]
    with st.form("new-user", clear_on_submit=True):
        left, middle, right = st.columns([2, 1, 2])
        name = left.text_input("Name to sign in with", max_chars=100)
        role = middle.selectbox("Role", list(Role), format_func=str.capitalize, help=WHAT_ROLES_DO)
        groups = right.multiselect("Groups", names, placeholder="None: reads nothing yet")
        is_sent = st.form_submit_button("Add person", icon=":material/person_add:", type="primary")
    if is_sent and name and role:
        with state.reporting():
            secret = office.add_user(name.strip(), role, groups)
            state.link = (name.strip(), secret)
        st.rerun()


def _draw_link(state: PeopleState, page_url: str | None) -> None:
    name, secret = state.link or ("", "")
    parts = urlsplit(page_url or "http://127.0.0.1:8501")
    with st.container(border=True):
        st.markdown(
            f"Send this link to **{plain(name)}**. It signs in once, and is shown only now."
        )
        st.code(
            link_address(f"{parts.scheme}://{parts.netloc}", secret), language=None, wrap_lines=True
        )
        if st.button("Done", icon=":material/check:"):
            state.link = None
            st.rerun()


def _draw_user(office: PeopleOffice, state: PeopleState, user: UserSummary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"user-{_key(user)}"):
        st.markdown(_described(user))
        key = f"change-{_key(user)}-{state.n_changes}"
        with st.popover("Change", icon=":material/edit:", key=key):
            _draw_change(office, state, user)


def _key(user: UserSummary) -> str:
    return user.name.encode().hex()


def _described(user: UserSummary) -> str:
    groups = ", ".join(map(plain, user.groups)) or "no group"
    parts = [
        f"**{plain(user.name)}**",
        user.role.value,
        "reads everything" if user.role is Role.ADMIN else groups,
    ]
    if user.suspended:
        parts.append(":red[suspended]")
    elif user.has_subject:
        parts.append("signs in by company account")
    elif not user.has_password and not user.n_sessions:
        parts.append("has not signed in yet")
    return " · ".join(parts)


def _draw_change(office: PeopleOffice, state: PeopleState, user: UserSummary) -> None:
    key = _key(user)
    role = st.selectbox(
        "Role",
        list(Role),
        index=list(Role).index(user.role),
        format_func=str.capitalize,
        key=f"role-{key}-{user.role}",
        help=WHAT_ROLES_DO,
    )
    groups = st.multiselect(
        "Groups",
        [group.name for group in office.groups()],
        default=list(user.groups),
        key=f"groups-{key}-{hash(user.groups)}",
    )
    if st.button("Save", key=f"save-{key}", type="primary", icon=":material/check:"):
        with state.reporting():
            office.change_user(user, role=role, groups=groups)
        st.rerun()
    with st.container(horizontal=True):
        if st.button(
            "New sign-in link", key=f"link-{key}", icon=":material/link:", disabled=user.suspended
        ):
            with state.reporting():
                state.link = (user.name, office.make_link(user.name))
            st.rerun()
        if st.button("See as", key=f"see-{key}", icon=":material/visibility:"):
            show_seen_by(office, user.name)
    with st.container(horizontal=True):
        label, icon = ("Resume", "play_arrow") if user.suspended else ("Suspend", "block")
        if st.button(label, key=f"suspend-{key}", icon=f":material/{icon}:"):
            with state.reporting():
                office.change_user(user, suspended=not user.suspended)
            st.rerun()
        if user.has_subject and st.button(
            "Unlink account",
            key=f"unlink-{key}",
            icon=":material/link_off:",
            help="Signs this person out and forgets which company account is theirs. Whoever signs "
            "in with one of the same name next is linked.",
        ):
            with state.reporting():
                office.unlink_user(user.name)
            st.rerun()
        if st.button("Remove", key=f"remove-{key}", icon=":material/delete:"):
            _confirm_removal(office, state, user.name)


@st.dialog("Remove this person?")
def _confirm_removal(office: PeopleOffice, state: PeopleState, name: str) -> None:
    st.markdown(
        f"**{plain(name)}** is signed out, and all conversations of this person are deleted. "
        "This cannot be undone. What this person did stays in the audit log."
    )
    with st.container(horizontal=True):
        if st.button("Remove", type="primary", icon=":material/delete:"):
            with state.reporting():
                office.remove_user(name)
            st.rerun()
        if st.button("Keep"):
            st.rerun()
