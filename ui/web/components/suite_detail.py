"""An open suite: its questions, its versions, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from assistant.store.suite_types import StoredCase, StoredSuite
from evals.suites import checked_case
from ui.web.components.cases import draw_gold
from ui.web.components.suite_list import questions
from ui.web.components.trail import draw_trail
from ui.web.desk import Desk
from ui.web.local_time import moment
from ui.web.services.suites import OwnSuites, Passage
from ui.web.sessions import EvaluateState
from ui.web.shown_text import plain, shortened
from ui.web.suite_state import CaseDraft, SuitesState

PAGE = 20
QUESTION_CHARS = 120
ALL = "Suites"


def draw_suite(desk: Desk, runs: EvaluateState, state: SuitesState, suite: StoredSuite) -> None:
    """Draw a suite.

    Args:
        desk: Of who looks at it.
        runs: Of the section Runs, where it is asked.
        state: Of the section.
        suite: What is drawn.
    """
    suites, latest = desk.suites, suite.latest
    st.button(ALL, icon=":material/arrow_back:", type="tertiary", on_click=state.open, args=(None,))
    st.subheader(plain(suite.name))
    saved = moment(latest.saved_at, st.context.timezone)
    st.caption(
        f"Collection {plain(suite.collection)} · {questions(latest.n_cases)} · version "
        f"{latest.ordinal}, saved by {plain(latest.saved_by)} on {plain(saved)}"
    )
    _draw_actions(suites, runs, state, suite)
    cases = suites.cases(suite.suite_id)
    if not cases:
        st.info(
            "It holds no question yet. Add one: what people ask, what a right answer says, and the "
            "passage that proves it.",
            icon=":material/info:",
        )
    else:
        _draw_cases(desk, state, suite, cases)
    _draw_versions(suites, state, suite)


def _draw_actions(
    suites: OwnSuites, runs: EvaluateState, state: SuitesState, suite: StoredSuite
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Add a question",
            type="primary",
            icon=":material/add:",
            on_click=state.write,
            args=(CaseDraft(suite=suite),),
        )
        st.button(
            "Ask it",
            icon=":material/play_arrow:",
            disabled=not suite.latest.n_cases,
            on_click=runs.ask_suite,
            args=(suite.full_name,),
            help="Opens Runs with this suite chosen.",
        )
        _draw_export(suites, suite, None)
        with st.popover("Delete", icon=":material/delete:", type="tertiary"):
            st.markdown(
                f"Delete {plain(suite.name)} with all its versions? This cannot be undone. Runs "
                "of it stay."
            )
            st.button("Delete it", type="primary", on_click=_delete, args=(suites, state, suite))


def _draw_export(suites: OwnSuites, suite: StoredSuite, version: int | None) -> None:
    of = "" if version is None else f"-version-{version}"
    st.download_button(
        "Export" if version is None else "Download",
        data=lambda: suites.export(suite.suite_id, version),
        file_name=f"{suite.name}{of}.jsonl",
        mime="application/jsonl",
        icon=":material/download:",
        on_click="ignore",
        key=f"export{of}",
    )


def _draw_cases(
    desk: Desk, state: SuitesState, suite: StoredSuite, cases: Sequence[StoredCase]
) -> None:
    words = st.text_input(
        "Search the questions",
        placeholder="Words, then Enter",
        key=f"suite-search-{suite.suite_id}",
        on_change=state.first_page,
    ).casefold()
    found = [case for case in cases if _holds(case, words.split())]
    if not found:
        st.info("No question fits. Search for fewer words.", icon=":material/search:")
        return
    n_pages = -(-len(found) // PAGE)
    state.page_index = min(state.page_index, n_pages - 1)
    first = state.page_index * PAGE
    for case in found[first : first + PAGE]:
        _draw_case(desk, state, suite, case)
    if n_pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            for label, step in (("Previous", -1), ("Next", 1)):
                st.button(
                    label,
                    key=f"suite-cases-{label}",
                    disabled=not 0 <= state.page_index + step < n_pages,
                    on_click=state.turn,
                    args=(step,),
                )
            st.caption(f"{first + 1} to {min(first + PAGE, len(found))} of {len(found)}")


def _draw_case(desk: Desk, state: SuitesState, suite: StoredSuite, stored: StoredCase) -> None:
    case = checked_case(stored.values)
    kind = "" if case.answerable else " :gray[· not in the documents]"
    title = shortened(case.question, QUESTION_CHARS)
    with st.expander(f"{plain(title)}{kind}"):
        for turn in case.history:
            st.caption(f"Before it, {turn.role}: {plain(turn.content)}")
        if title != case.question:
            st.markdown(plain(case.question, lines=True))
        st.markdown("**Gold answer**")
        draw_gold(case)
        tags = f" · {plain(', '.join(case.tags))}" if case.tags else ""
        st.caption(f"Case {plain(case.id)}{tags}")
        if stored.review_id is not None:
            draw_trail(desk.reviews, stored.review_id)
        with st.container(horizontal=True):
            st.button(
                "Edit",
                key=f"edit-{case.id}",
                icon=":material/edit:",
                on_click=state.write,
                args=(draft_of(suite, stored),),
            )
            st.button(
                "Delete",
                key=f"remove-{case.id}",
                icon=":material/delete:",
                type="tertiary",
                on_click=_remove,
                args=(desk.suites, state, suite, case.id),
            )


def draft_of(suite: StoredSuite, stored: StoredCase) -> CaseDraft:
    """Return what a stored case is edited as."""
    values = stored.values
    return CaseDraft(
        suite=suite,
        opened=stored,
        question=values["question"],
        is_answerable=values["answerable"],
        answers=tuple(values["answers"]),
        facts=tuple(values["facts"]),
        tags=tuple(values["tags"]),
        passages=[
            Passage(**item, document_id=document_id)
            for item, document_id in zip(values["evidence"], stored.document_ids, strict=True)
        ],
    )


def _draw_versions(suites: OwnSuites, state: SuitesState, suite: StoredSuite) -> None:
    with st.expander(f"Versions ({suite.latest.ordinal:,})", icon=":material/history:"):
        st.caption("Every saved change made one. Runs name the version and hash they asked.")
        for one in suites.versions(suite.suite_id):
            at = moment(one.saved_at, st.context.timezone)
            lost = " · quotes went with a deleted document" if one.has_lost else ""
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    f"**{one.ordinal}** {plain(one.change)}  \n:small[{plain(one.saved_by)}, "
                    f"{plain(at)} · {questions(one.n_cases)} · {one.sha256[:12]}{lost}]"
                )
                _draw_export(suites, suite, one.ordinal)
                if one.ordinal < suite.latest.ordinal:
                    st.button(
                        "Go back to it",
                        key=f"restore-{one.ordinal}",
                        on_click=_restore,
                        args=(suites, state, suite, one.ordinal),
                    )


def _holds(case: StoredCase, words: Sequence[str]) -> bool:
    values = case.values
    texts = (values["id"], values["question"], *values["answers"], *values["tags"])
    text = "\n".join(texts).casefold()
    return all(word in text for word in words)


def _delete(suites: OwnSuites, state: SuitesState, suite: StoredSuite) -> None:
    with state.reporting():
        suites.delete(suite.suite_id)
        state.open(None)
        state.told(f"{suite.name} was deleted.")


def _remove(suites: OwnSuites, state: SuitesState, suite: StoredSuite, key: str) -> None:
    with state.reporting():
        state.told("The question was deleted.", suites.remove_case(suite.suite_id, key))


def _restore(suites: OwnSuites, state: SuitesState, suite: StoredSuite, version: int) -> None:
    with state.reporting():
        now = suites.restore(suite.suite_id, version, latest=suite.latest.ordinal)
        state.told(f"It is as in version {version} again.", now)


def undo(suites: OwnSuites, state: SuitesState) -> None:
    """Take the last change back."""
    if state.undo is None:
        return
    suite_id, version = state.undo
    with state.reporting():
        suites.restore(suite_id, version - 1, latest=version)
        state.told("The change was undone.")
