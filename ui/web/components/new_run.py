"""Beginning a run: the choice of its questions."""

from __future__ import annotations

import streamlit as st

from ui.web.components.start_box import draw_start
from ui.web.desk import Desk
from ui.web.sessions import EvaluateState

LABEL = "New run"


def draw_new_run(
    desk: Desk, state: EvaluateState, measured_s: float | None, *, is_first: bool
) -> None:
    """Draw what begins a run: in full before the first one, else folded to leave room for results.

    Args:
        desk: Of who measures.
        state: Of the page.
        measured_s: Seconds that a question took in the latest run; None without one.
        is_first: Whether there is no run yet.
    """
    if is_first:
        box = st.container(border=True)
    else:
        box = st.expander(LABEL, icon=":material/add:", expanded=state.is_asking)
    with box:
        draw_start(desk, state, measured_s)
