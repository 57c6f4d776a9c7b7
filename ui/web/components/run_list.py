"""The runs, latest first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from evals.runs import Run
from ui.web.local_time import moment
from ui.web.sessions import EvaluateState
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import RUNS

N_SHOWN = 6
SUITE_CHARS = 28


def draw_runs(
    runs: Sequence[Run], state: EvaluateState, shown: Run, running: frozenset[str]
) -> None:
    """Draw a button for each run.

    Args:
        runs: Oldest first.
        state: Of the page.
        shown: The run whose results are drawn.
        running: The ids of those under way.
    """
    st.subheader("Runs")
    latest = list(reversed(runs))
    with st.container(key=RUNS):
        for run in latest if state.shows_all_runs else latest[:N_SHOWN]:
            st.button(
                run_label(run, is_running=run.id in running, zone=st.context.timezone),
                key=f"run-{run.id}",
                type="secondary" if run.id == shown.id else "tertiary",
                width="stretch",
                on_click=state.show,
                args=(run.id,),
            )
        if len(latest) > N_SHOWN and not state.shows_all_runs:
            st.button(
                f"Show all {len(latest)}",
                icon=":material/expand_more:",
                on_click=state.show_all_runs,
            )


def run_label(run: Run, *, is_running: bool, zone: str | None) -> str:
    """Return when a run began, what it measured and how it stands."""
    named = plain(shortened(", ".join(run.plan["suites"]), SUITE_CHARS))
    how_far = f"{run.n_cases} questions"
    if is_running:
        how_far = "under way"
    elif run.finished is None:
        how_far = f"stopped, {run.n_replies} of {run.n_cases}"
    return f"{named} · {how_far}  \n{begun(run, zone)}"


def begun(run: Run, zone: str | None) -> str:
    """Return when a run began, in the reader's time zone; UTC if that is unknown."""
    return moment(run.started, zone)
