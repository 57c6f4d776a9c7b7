"""Adding a suite and taking one away."""

from __future__ import annotations

import streamlit as st

from assistant.errors import AssistantError
from evals.suite_files import MAX_BYTES
from ui.web.services.evaluations import OwnEvaluations
from ui.web.sessions import EvaluateState
from ui.web.shown_text import plain

MEGABYTE = 1_000_000
HELP = (
    "One question a line. JSON Lines: `id`, `question`, `answerable`, `answers`, and optionally "
    "`facts`, `evidence`, `tags`, `history`. CSV: the columns `question,answer,document,page`; "
    "without an answer, the right reply is to abstain."
)


def has_suite_news(state: EvaluateState) -> bool:
    """Tell whether something became of a suite that is not said yet."""
    return bool(state.suite_error or state.suite_notice)


def draw_suite_news(state: EvaluateState) -> None:
    """Say what became of the last upload or deletion."""
    if state.suite_error:
        st.error(plain(state.suite_error), icon=":material/error:")
    if state.suite_notice:
        st.success(plain(state.suite_notice), icon=":material/check:")


def draw_suites(evaluations: OwnEvaluations, state: EvaluateState) -> None:
    """Draw where suites are uploaded and deleted."""
    key = f"suite-upload-{state.n_uploads}"
    st.caption(HELP)
    st.file_uploader(
        "A suite, .jsonl or .csv",
        type=["jsonl", "csv"],
        max_upload_size=MAX_BYTES // MEGABYTE,
        key=key,
        on_change=_keep,
        args=(evaluations, state, key),
    )
    for name in evaluations.suite_names():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(name))
            with st.popover("Delete", icon=":material/delete:", type="tertiary"):
                st.markdown(f"Delete {plain(name)} for good? Runs of it stay.")
                st.button(
                    "Delete it",
                    key=f"suite-delete-{name}",
                    type="primary",
                    on_click=_delete,
                    args=(evaluations, state, name),
                )


def _keep(evaluations: OwnEvaluations, state: EvaluateState, key: str) -> None:
    uploaded = st.session_state[key]
    if uploaded is None:
        return
    state.suite_error = state.suite_notice = None
    state.n_uploads += 1
    try:
        suite = evaluations.keep_suite(uploaded.name, uploaded.getvalue())
    except AssistantError as error:
        state.suite_error = str(error)
    else:
        state.suite = uploaded.name
        state.suite_notice = f"{uploaded.name} is ready: {len(suite.cases)} questions."


def _delete(evaluations: OwnEvaluations, state: EvaluateState, name: str) -> None:
    state.suite_error = state.suite_notice = None
    try:
        evaluations.delete_suite(name)
    except AssistantError as error:
        state.suite_error = str(error)
    else:
        state.suite_notice = f"{name} was deleted."
