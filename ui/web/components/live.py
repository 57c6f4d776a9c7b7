"""The question that is being answered, drawn again and again until its end."""

from __future__ import annotations

import streamlit as st

from ui.web.answering import AnswerProgress
from ui.web.components.progress import draw_progress
from ui.web.desk import Desk
from ui.web.sessions import AskState
from ui.web.shown_text import plain, shortened

REDRAW_S = 0.3
QUESTION_CHARS = 80


def draw_run(desk: Desk, state: AskState) -> None:
    """Draw the question under way where it was asked, and elsewhere a line about it."""
    if state.run is None:
        return
    if not state.is_run_here:
        _draw_live(desk, state)
        return
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(plain(state.run.question, lines=True))
    with st.chat_message("assistant", avatar=":material/fact_check:"):
        _draw_live(desk, state)


@st.fragment(run_every=REDRAW_S)
def _draw_live(desk: Desk, state: AskState) -> None:
    run = state.run
    if run is None:  # the page did not follow when it ended: it would stay as it is
        st.rerun()
    desk.answers.end_if_changed(run)
    progress = run.snapshot()
    if progress.is_done:
        state.notice = _notice(progress, is_here=state.is_run_here)
        state.run = None
        st.rerun()
    if state.is_run_here:
        draw_progress(progress)
    else:
        asked = plain(shortened(run.question, QUESTION_CHARS))
        st.info(
            f"Another conversation is being answered: “{asked}” The next question can be asked "
            "after that.",
            icon=":material/hourglass_empty:",
        )
    st.button("Stop", icon=":material/stop:", on_click=run.stop, shortcut="Escape")


def _notice(progress: AnswerProgress, *, is_here: bool) -> str | None:
    """Return why a question has no reply; away from its conversation the question is named."""
    why = progress.error or ("Stopped." if progress.is_cancelled else None)
    return why if why is None or is_here else f"“{progress.question}”: {why}"
