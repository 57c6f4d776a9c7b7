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
    progress = evaluations.snapshots()
    running = _under_way(progress)
    try:
        runs = evaluations.runs()
    except AssistantError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if running:
        _draw_live(evaluations, running)
    with st.container():
        _draw_ends(evaluations, state, progress)
    if not (runs or running):
        _draw_welcome(desk, state)
    draw_new_run(desk, state, _measured_s(runs), is_first=not (runs or running))
    if runs:
        _draw_runs(evaluations, state, runs, running)


@st.fragment(run_every=REDRAW_S)
def _draw_live(evaluations: OwnEvaluations, running: frozenset[str]) -> None:
    progress = evaluations.snapshots()
    if _under_way(progress) != running:
        st.rerun()
    for one in progress:
        if not one.is_done:
            draw_running(evaluations, one)


def _under_way(progress: Sequence[EvaluationProgress]) -> frozenset[str]:
    """Return the ids of the runs that are under way."""
    return frozenset(one.run_id for one in progress if not one.is_done)


def _draw_ends(
    evaluations: OwnEvaluations, state: EvaluateState, progress: Sequence[EvaluationProgress]
) -> None:
    """Say why something does not run that should."""
    if state.error is not None:
        st.error(plain(state.error), icon=":material/error:")
    for one in progress:
        if one.error is not None:
            st.error(f"The evaluation ended early: {plain(one.error)}", icon=":material/error:")
            st.button(
                "Dismiss",
                key=f"dismiss-{one.run_id}",
                icon=":material/close:",
                on_click=evaluations.forget,
                args=(one.run_id,),
            )


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
    evaluations: OwnEvaluations,
    state: EvaluateState,
    runs: Sequence[Run],
    running: frozenset[str],
) -> None:
    shown = next((run for run in runs if run.id == state.run_id), runs[-1])
    side, main = st.columns([1, 3], gap="medium")
    with side:
        draw_runs(runs, state, shown, running)
    with main:
        if shown.id in running:
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
