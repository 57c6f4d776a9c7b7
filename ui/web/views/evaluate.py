"""Evaluate: ask questions whose right answers are known, and see what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from assistant.errors import AssistantError
from evals.runs import Run
from evals.suites import SAMPLE
from ui.web.components.new_run import draw_new_run
from ui.web.components.run_list import draw_runs
from ui.web.components.run_view import draw_run
from ui.web.components.sections import draw_other_section
from ui.web.components.start_box import begin, draw_running, expectation
from ui.web.desk import Desk
from ui.web.evaluating import EvaluationProgress
from ui.web.run_results import run_results
from ui.web.services.evaluations import OwnEvaluations
from ui.web.sessions import EvaluateState, current_desk, evaluate_state
from ui.web.shown_text import plain

REDRAW_S = 0.5


def draw() -> None:
    """Draw the page."""
    desk, state = current_desk(), evaluate_state()
    evaluations = desk.evaluations
    st.title("Evaluate")
    st.caption("How good are the answers? Ask questions whose right answers are known.")
    if draw_other_section(desk, state):
        return
    progress = evaluations.snapshot()
    running_id = None if progress is None or progress.is_done else progress.run_id
    try:
        runs = evaluations.runs()
    except AssistantError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if running_id is not None:
        _draw_live(evaluations)
    else:
        with st.container():
            _draw_end(evaluations, state, progress)
        if not runs:
            _draw_welcome(desk, state)
        draw_new_run(desk, state, _measured_s(runs), is_first=not runs)
    if runs:
        _draw_runs(evaluations, state, runs, running_id)


@st.fragment(run_every=REDRAW_S)
def _draw_live(evaluations: OwnEvaluations) -> None:
    progress = evaluations.snapshot()
    if progress is None or progress.is_done:
        st.rerun()
    draw_running(evaluations, progress)


def _draw_end(
    evaluations: OwnEvaluations, state: EvaluateState, progress: EvaluationProgress | None
) -> None:
    """Say why nothing runs, if something should."""
    if state.error is not None:
        st.error(plain(state.error), icon=":material/error:")
    if progress is not None and progress.error is not None:
        st.error(f"The evaluation ended early: {plain(progress.error)}", icon=":material/error:")
        st.button("Dismiss", icon=":material/close:", on_click=evaluations.forget)


def _draw_welcome(desk: Desk, state: EvaluateState) -> None:
    with st.container(border=True):
        st.markdown(
            "**A suite is a list of questions with their right answers.** Plinth asks each as a "
            "user would, compares the reply with the right answer, called the gold answer, and "
            "with the page where it stands, and shows every question that went wrong. No other "
            "model judges. The sample suite asks about the sample documents."
        )
        suite = desk.suites.load(SAMPLE.name)
        st.button(
            "Run the whole sample suite",
            icon=":material/play_arrow:",
            on_click=begin,
            args=(desk.evaluations, state, suite, None),
        )
        n = len(suite.cases)
        st.caption(f"{n} questions. {expectation(n, None)}")


def _draw_runs(
    evaluations: OwnEvaluations, state: EvaluateState, runs: Sequence[Run], running_id: str | None
) -> None:
    shown = next((run for run in runs if run.id == state.run_id), runs[-1])
    side, main = st.columns([1, 3], gap="medium")
    with side:
        draw_runs(runs, state, shown, running_id)
    with main:
        if shown.id == running_id:
            st.info("The figures come here once the run is done or stopped.")
            return
        try:
            with st.spinner("Scoring the replies"):
                results = run_results(shown)
        except AssistantError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        draw_run(evaluations, state, shown, results, runs)


def _measured_s(runs: Sequence[Run]) -> float | None:
    """Return the seconds that a question took in the latest finished run; None without one."""
    finished = [run for run in runs if run.finished is not None]
    try:
        return run_results(finished[-1]).mean_s if finished else None
    except AssistantError:  # shown where its figures would be
        return None
