"""Who is signed in where."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from ui.web.components.session_line import describe_session
from ui.web.local_time import zone_named
from ui.web.services.people import PeopleOffice
from ui.web.sessions import PeopleState
from ui.web.shown_text import plain


def draw_sessions(office: PeopleOffice, state: PeopleState, own_id: str) -> None:
    """Draw all sessions, latest first; each can be ended.

    Args:
        office: Ends them.
        state: Of the page.
        own_id: The session of this browser.
    """
    zone, now = zone_named(st.context.timezone), datetime.now(UTC)
    for one in office.sessions():
        with st.container(horizontal=True, vertical_alignment="center"):
            mark = " · this browser" if one.session_id == own_id else ""
            st.markdown(f"**{plain(one.user)}** · {describe_session(one, now, zone)}{mark}")
            if st.button("End", key=f"end-{one.session_id}", icon=":material/logout:"):
                with state.reporting():
                    office.end_session(one.session_id)
                st.rerun()
