"""Whether documents are taken in now, or wait because somebody wants it so."""

from __future__ import annotations

import streamlit as st

from ui.web.local_time import moment
from ui.web.services.intake import Intake
from ui.web.shown_text import plain


def draw_pause(intake: Intake) -> None:
    """Draw the pause that there is, else the button for one."""
    pause = intake.current_pause()
    if pause is None:
        st.button(
            "Pause taking in",
            key="pause",
            type="tertiary",
            icon=":material/pause:",
            help="Files can still be sent; they wait until somebody resumes. What is under way "
            "stops after the files in hand, and nothing is lost.",
            on_click=intake.pause,
        )
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="paused"):
        st.markdown(
            f":material/pause_circle: **Paused** by {plain(pause.by)} since "
            f"{plain(moment(pause.since, st.context.timezone))}; files wait."
        )
        st.button("Resume", key="resume", icon=":material/play_arrow:", on_click=intake.resume)
