"""The suites that a person may see, and the ways to a new one."""

from __future__ import annotations

import streamlit as st

from assistant.store.suite_types import StoredSuite
from evals.stored_suites import MAX_BYTES
from ui.web.local_time import moment
from ui.web.services.suites import OwnSuites
from ui.web.shown_text import plain
from ui.web.stylesheet import OPENS
from ui.web.suite_state import SuitesState

MEGABYTE = 1_000_000
HELP = (
    "One question a line. JSON Lines: `id`, `question`, `answerable`, `answers`, and optionally "
    "`facts`, `evidence`, `tags`, `history`. CSV: the columns `question,answer,document,page`; "
    "without an answer, the right reply is to abstain. A file named like a suite of the collection "
    "becomes its next version."
)


def draw_suite_list(suites: OwnSuites, state: SuitesState) -> None:
    """Draw the suites; a click opens one."""
    listed, collections = suites.list(), suites.collections()
    if not collections:
        st.info(
            "A suite asks about the documents of a collection, and is seen by those who may read "
            "all of it. There is no collection that you may read as a whole; ask an admin.",
            icon=":material/info:",
        )
        return
    if not listed:
        st.info(
            "There are no suites yet. Begin an empty one and add questions, or bring a file.",
            icon=":material/info:",
        )
    for one in listed:
        _draw_row(state, one)
    _draw_earlier(suites, state, collections)
    with st.expander("Add a suite", icon=":material/add:", expanded=not listed):
        new, file = st.tabs(["Begin an empty one", "Import a file"])
        with new:
            _draw_new(suites, state, collections)
        with file:
            _draw_import(suites, state, collections)


def _draw_row(state: SuitesState, one: StoredSuite) -> None:
    with st.container(gap=None):
        st.button(
            plain(one.name),
            key=f"{OPENS}suite-{one.suite_id}",
            icon=":material/checklist:",
            type="tertiary",
            on_click=state.open,
            args=(one.suite_id,),
        )
        latest = one.latest
        saved = moment(latest.saved_at, st.context.timezone)
        st.caption(
            f"{plain(one.collection)} · {questions(latest.n_cases)} · version {latest.ordinal}, "
            f"saved by {plain(latest.saved_by)} on {plain(saved)}"
        )


def _draw_new(suites: OwnSuites, state: SuitesState, collections: tuple[str, ...]) -> None:
    with st.form(f"new-suite-{state.n_changes}", border=False):
        name = st.text_input("Name of the suite", max_chars=100)
        collection = st.selectbox(
            "Questions about the documents of",
            collections,
            help="Who may read this collection as a whole, and may evaluate, sees the suite.",
        )
        is_sent = st.form_submit_button("Make it", type="primary", icon=":material/add:")
    if is_sent:
        with state.reporting():
            state.open(suites.add(name, collection).suite_id)
        st.rerun()


def _draw_import(suites: OwnSuites, state: SuitesState, collections: tuple[str, ...]) -> None:
    key = f"suite-file-{state.n_changes}"
    st.caption(HELP)
    st.selectbox("Import into the collection", collections, key="suite-file-collection")
    st.file_uploader(
        "A suite, .jsonl or .csv",
        type=["jsonl", "csv"],
        max_upload_size=MAX_BYTES // MEGABYTE,
        key=key,
        on_change=_import,
        args=(suites, state, key),
    )


def _import(suites: OwnSuites, state: SuitesState, key: str) -> None:
    uploaded = st.session_state[key]
    if uploaded is None:
        return
    collection = st.session_state["suite-file-collection"]
    state.n_changes += 1  # whatever comes of it, the box is empty again
    with state.reporting():
        stored = suites.import_file(uploaded.name, uploaded.getvalue(), collection)
        _tell_import(state, stored)


def _tell_import(state: SuitesState, stored: StoredSuite) -> None:
    latest = stored.latest
    state.told(
        f"{stored.name} is ready: version {latest.ordinal}, {questions(latest.n_cases)}.", stored
    )


def _draw_earlier(suites: OwnSuites, state: SuitesState, collections: tuple[str, ...]) -> None:
    """Draw what was uploaded when suites were files of no collection."""
    names = suites.earlier_files()
    if not names:
        return
    with st.container(border=True):
        st.markdown("**Uploaded earlier.** These files belong to no collection yet.")
        for name in names:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.selectbox(plain(name), collections, key=f"adopt-into-{name}")
                st.button(
                    "Move it there",
                    key=f"adopt-{name}",
                    on_click=_adopt,
                    args=(suites, state, name),
                )
                st.button(
                    "Delete",
                    key=f"drop-{name}",
                    icon=":material/delete:",
                    type="tertiary",
                    on_click=_drop,
                    args=(suites, state, name),
                )


def _adopt(suites: OwnSuites, state: SuitesState, name: str) -> None:
    collection = st.session_state[f"adopt-into-{name}"]
    with state.reporting():
        _tell_import(state, suites.adopt(name, collection))


def _drop(suites: OwnSuites, state: SuitesState, name: str) -> None:
    with state.reporting():
        suites.drop_earlier(name)
        state.told(f"{name} was deleted.")


def questions(n: int) -> str:
    """Return a number of questions in words."""
    return f"{n:,} question{'' if n == 1 else 's'}"
