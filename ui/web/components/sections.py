"""The sections of the page Evaluate beside its runs: suites, and feedback to be reviewed."""

from __future__ import annotations

import streamlit as st

from assistant.errors import UnknownNameError
from ui.web.components.case_editor import draw_editor
from ui.web.components.review_queue import draw_reviews, draw_what_was_said
from ui.web.components.suite_detail import draw_suite, undo
from ui.web.components.suite_list import draw_suite_list
from ui.web.desk import Desk
from ui.web.sessions import FEEDBACK, RUNS, SECTION, SUITES, EvaluateState
from ui.web.shown_text import plain
from ui.web.suite_state import SuitesState, suites_state


def draw_other_section(desk: Desk, runs: EvaluateState) -> bool:
    """Draw the choice of a section and, unless it is the runs, that section.

    Args:
        desk: Of who evaluates.
        runs: Of the section Runs.

    Returns:
        Whether another one than the runs was drawn.
    """
    n_waiting = len(desk.reviews.queue())
    labels = {FEEDBACK: f"{FEEDBACK} ({n_waiting})"} if n_waiting else {}
    section = st.segmented_control(
        "Section",
        (RUNS, SUITES, FEEDBACK),
        default=RUNS,
        required=True,
        format_func=lambda one: labels.get(one, one),
        key=SECTION,
        label_visibility="collapsed",
    )
    if section == RUNS:
        return False
    state = suites_state()
    # In a container of its own, so that what follows keeps its place when it comes and goes.
    with st.container():
        _draw_news(desk, state)
    draft = state.draft
    if draft is not None and (draft.review_id is None) == (section == SUITES):
        if draft.review_id is not None:
            with st.expander("What was answered, and what is wrong with it", expanded=True):
                draw_what_was_said(desk.reviews.review(draft.review_id))
        draw_editor(desk, state, draft)
    elif section == FEEDBACK:
        draw_reviews(desk, state)
    else:
        _draw_suites(desk, runs, state)
    return True


def _draw_suites(desk: Desk, runs: EvaluateState, state: SuitesState) -> None:
    if state.suite_id is not None:
        try:
            suite = desk.suites.suite(state.suite_id)
        except UnknownNameError:
            state.open(None)
            st.warning("The suite was deleted, or you may not see it any more.")
        else:
            draw_suite(desk, runs, state, suite)
            return
    draw_suite_list(desk.suites, state)


def _draw_news(desk: Desk, state: SuitesState) -> None:
    """Say what became of the last change, with the way back."""
    if state.error is not None:
        st.error(plain(state.error), icon=":material/error:")
    if state.notice is None:
        return
    st.success(plain(state.notice), icon=":material/check:")
    if state.undo is not None:
        st.button(
            "Undo",
            key="suites-undo",
            icon=":material/undo:",
            on_click=undo,
            args=(desk.suites, state),
        )
