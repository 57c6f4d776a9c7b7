"""People: who may sign in, who reads what, who is signed in, and who did what."""

from __future__ import annotations

import streamlit as st

from ui.web.components.audit_list import draw_audit_log
from ui.web.components.first_steps import draw_first_steps
from ui.web.components.grant_list import draw_grants
from ui.web.components.group_list import draw_groups
from ui.web.components.session_list import draw_sessions
from ui.web.components.user_list import draw_users
from ui.web.sessions import current_desk, people_state
from ui.web.shown_text import plain

PEOPLE, GROUPS, GRANTS, SESSIONS, AUDIT = (
    "People",
    "Groups",
    "Who reads what",
    "Sessions",
    "Audit log",
)


def draw() -> None:
    """Draw the page."""
    desk, state = current_desk(), people_state()
    office = desk.people
    st.title("People")
    if state.error:
        st.error(plain(state.error), icon=":material/error:")
    draw_first_steps(office, desk.person)
    users, groups, grants, sessions, audit = st.tabs(
        [PEOPLE, GROUPS, GRANTS, SESSIONS, AUDIT], key="people"
    )
    with users:
        draw_users(office, state, st.context.url)
    with groups:
        draw_groups(office, state)
    with grants:
        draw_grants(office, state)
    with sessions:
        draw_sessions(office, state, desk.person.session_id)
    with audit:
        draw_audit_log(desk.audit, state)
