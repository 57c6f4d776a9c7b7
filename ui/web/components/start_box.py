"""What to measure, how much of it and how long that takes; then the progress of it."""

from __future__ import annotations

import streamlit as st

from assistant.errors import AssistantError
from evals.coverage import missing_documents
from evals.suites import SAMPLE, Suite
from ui.web.desk import Desk
from ui.web.evaluating import EvaluationProgress
from ui.web.metric_words import duration_text
from ui.web.services.evaluations import OwnEvaluations
from ui.web.sessions import EvaluateState
from ui.web.shown_text import plain, shortened

SIZES = (5, 10, 25, 100)
ASSUMED_S = 8.0
"""Seconds for a question before any was measured here: two cores, the default models."""
QUESTION_CHARS = 160
NAMED = 3
"""Missing documents that are named."""


def draw_start(desk: Desk, state: EvaluateState, measured_s: float | None) -> None:
    """Draw the choice of a suite and of how many of its questions are asked.

    Args:
        desk: Of who measures.
        state: Of the page.
        measured_s: Seconds that a question took in the latest run; None without one.
    """
    names = (SAMPLE.name, *(one.full_name for one in desk.suites.list()))
    if state.suite not in names:
        state.suite = SAMPLE.name
    name = st.selectbox(
        "Suite",
        names,
        index=names.index(state.suite),
        format_func=lambda one: "sample (shipped)" if one == SAMPLE.name else one,
        help="Own suites are made in the section Suites.",
    )
    state.suite = name
    try:
        suite = desk.suites.load(name)
    except AssistantError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    sample = _chosen_size(suite)
    n = len(suite.cases) if sample is None else sample
    st.button(
        f"Ask {n} question{'s' if n > 1 else ''}",
        type="primary",
        icon=":material/play_arrow:",
        on_click=begin,
        args=(desk.evaluations, state, suite, sample),
    )
    st.caption(expectation(n, measured_s))
    _warn_of_gaps(desk, suite)


def begin(
    evaluations: OwnEvaluations, state: EvaluateState, suite: Suite, sample: int | None
) -> None:
    """Start a run, or say on the page why not."""
    state.error, state.is_asking = None, False
    try:
        state.show(evaluations.start(suite, sample=sample))
    except (AssistantError, OSError) as error:
        state.error = str(error)


def expectation(n: int, measured_s: float | None) -> str:
    """Say how long asking `n` questions takes."""
    about = duration_text(n * (measured_s or ASSUMED_S))
    if measured_s is None:
        return f"About {about} with the default models on two cores; nothing is measured here yet."
    return f"About {about}: a question took {measured_s:.1f} s in the latest run here."


def draw_running(evaluations: OwnEvaluations, progress: EvaluationProgress) -> None:
    """Draw how far a run under way is, with the button that stops it."""
    with st.container(border=True):
        left = f" · about {duration_text(progress.left_s)} left" if progress.left_s else ""
        failed = f" · {progress.n_failed} failed" if progress.n_failed else ""
        st.progress(
            progress.n_done / progress.n_total,
            f"{plain(progress.suite)}: {progress.n_done} of {progress.n_total}{failed}{left}",
        )
        if progress.is_stopping:
            st.caption("Stopping; what was answered stays.")
        elif progress.question is None:
            st.caption("Waiting for the models, which load once after the server starts.")
        else:
            st.caption(f"Asking: {plain(shortened(progress.question, QUESTION_CHARS))}")
        st.button(
            "Stop",
            key=f"stop-{progress.run_id}",
            icon=":material/stop:",
            on_click=evaluations.stop,
            args=(progress.run_id,),
            disabled=progress.is_stopping,
            help="What was answered stays, and the run can be continued.",
        )


def _chosen_size(suite: Suite) -> int | None:
    """Draw the choice of a size; None stands for all."""
    n = len(suite.cases)
    sizes = [*(size for size in SIZES if size < n), n]
    chosen = st.segmented_control(
        "Questions",
        sizes,
        default=sizes[0],
        required=True,
        format_func=lambda size: f"All {n}" if size == n else str(size),
        help="Fewer are drawn by chance, the same ones each time.",
    )
    return None if chosen == n else chosen


def _warn_of_gaps(desk: Desk, suite: Suite) -> None:
    missing = missing_documents(suite, desk.documents.names())
    if not missing:
        return
    n_more = len(missing) - NAMED
    named = ", ".join(missing[:NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
    st.warning(
        f"{len(missing)} of the documents that this suite asks about are not in the corpus: "
        f"{plain(named)}. Its questions about them cannot be answered rightly.",
        icon=":material/folder_off:",
    )
