"""Account: one's own password and sessions."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from assistant.errors import AssistantError
from assistant.passwords import MAX_CHARS, MIN_CHARS
from ui.web.components.session_line import describe_session
from ui.web.desk import Desk
from ui.web.local_time import zone_named
from ui.web.sessions import current_desk
from ui.web.shown_text import plain
from ui.web.stylesheet import READING


def draw() -> None:
    """Draw the page."""
    desk = current_desk()
    person = desk.person
    with st.container(key=READING):
        st.title("Account")
        groups = "everything" if person.readable.everything else "what your groups may read"
        st.markdown(f"Signed in as **{plain(person.name)}**, {person.role}; you read {groups}.")
        if st.button("Sign out", icon=":material/logout:"):
            desk.account.sign_out()
            st.rerun()
        _draw_password(desk, has_password=person.has_password)
        _draw_sessions(desk, person.session_id)


def _draw_password(desk: Desk, *, has_password: bool) -> None:
    st.subheader("Password")
    if not has_password:
        st.info(
            "You have no password here. With one, you can sign in by name and password, too.",
            icon=":material/key:",
        )
    with st.form("password", border=False):
        old = st.text_input("Present password", type="password") if has_password else ""
        new = st.text_input(
            "New password",
            type="password",
            max_chars=MAX_CHARS,
            help=f"{MIN_CHARS} characters or more; three words will do.",
        )
        again = st.text_input("The same again", type="password", max_chars=MAX_CHARS)
        is_sent = st.form_submit_button("Set password and sign in again", icon=":material/key:")
    if not is_sent:
        return
    if new != again:
        st.error("The two passwords are different.", icon=":material/error:")
        return
    try:
        desk.account.change_password(old, new)
    except AssistantError as error:
        st.error(plain(f"Not changed: {error}."), icon=":material/error:")
    else:
        st.rerun()


def _draw_sessions(desk: Desk, session_id: str) -> None:
    st.subheader("Where you are signed in")
    zone, now = zone_named(st.context.timezone), datetime.now(UTC)
    sessions = desk.account.sessions()
    for one in sessions:
        mark = " · this browser" if one.session_id == session_id else ""
        st.markdown(f"- {describe_session(one, now, zone)}{mark}")
    if len(sessions) > 1 and st.button("Sign out everywhere", icon=":material/logout:"):
        desk.account.sign_out_everywhere()
        st.rerun()
