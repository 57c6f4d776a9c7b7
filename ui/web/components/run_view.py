"""One run: what it measured, its figures and its questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from assistant.errors import AssistantError
from evals.html_report import run_to_html
from evals.judged import JudgedCase
from evals.outcomes import LONG_WORDS, RIGHT_F1, Outcome
from evals.runs import Run
from ui.web.components.cases import LOOKS, draw_case
from ui.web.components.comparison_view import draw_comparison
from ui.web.components.figures import draw_table
from ui.web.components.plots import draw_figures, draw_lost, draw_times
from ui.web.components.run_list import begun
from ui.web.run_results import RunResults, count_outcomes
from ui.web.services.evaluations import OwnEvaluations
from ui.web.sessions import EvaluateState
from ui.web.shown_text import plain

PAGE = 10
ALL_WRONG, ALL = "all_wrong", "all"
WRONG = (Outcome.WRONG, Outcome.WRONGLY_ABSTAINED, Outcome.WRONGLY_ANSWERED)
COUNTED_AS = (
    "**Right**: a gold answer, or every fact of a complete one, occurs in the answer; or the gold "
    f"answer has {LONG_WORDS} words or more and {RIGHT_F1:.0%} of the words agree (F1); or it "
    "abstained where nothing can be answered. "
    "**Wrong**: it answered otherwise. **Abstained wrongly**: the documents do say. **Answered "
    "an unanswerable question**: they do not. **Unscored**: no reply; these are counted apart. "
    "A right answer in other words can count as wrong: that is why each can be read here."
)


def draw_run(
    evaluations: OwnEvaluations,
    state: EvaluateState,
    run: Run,
    results: RunResults,
    runs: Sequence[Run],
) -> None:
    """Draw a run that is not under way.

    Args:
        evaluations: Of the person.
        state: Of the page.
        run: What is drawn.
        results: What came of it.
        runs: All runs, among which it can be compared.
    """
    names = list(results.cases)
    name = names[0] if len(names) == 1 else st.selectbox("Suite of the run", names)
    cases = results.cases[name]
    counts = count_outcomes(cases)
    n_unscored = counts[Outcome.UNSCORED]
    apart = f", {n_unscored} unscored" if n_unscored else ""
    st.subheader(f"{plain(name)}: {counts[Outcome.RIGHT]} of {len(cases)} right{apart}")
    _draw_about(run, results)
    if run.finished is None:
        _draw_stopped(evaluations, state, run)
    figures = results.report.suites[name].figures
    if results.replies(name):
        left, right = st.columns(2, gap="large")
        with left:
            draw_figures(figures)
        with right:
            draw_times(results.replies(name))
        draw_lost(results.report.suites[name].lost)
        draw_table(figures)
        _draw_download(evaluations, results)
        draw_comparison(evaluations, run, runs, name)
    st.subheader("Questions")
    chosen = _chosen_outcomes(counts, state)
    chosen_cases = [judged for judged in cases if judged.outcome in chosen]
    _draw_cases(evaluations, state, run, chosen_cases)


def _draw_download(evaluations: OwnEvaluations, results: RunResults) -> None:
    def page() -> bytes:
        cases = {
            name: evaluations.readable_cases(results.report.run, of)
            for name, of in results.cases.items()
        }
        return run_to_html(results.report, cases).encode()

    st.download_button(
        "Download the report",
        data=page,
        file_name=f"plinth-{results.report.run.id}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )


def resume(evaluations: OwnEvaluations, state: EvaluateState, run_id: str) -> None:
    """Continue a run, or say on the page why not."""
    state.error = None
    try:
        evaluations.resume(run_id)
    except (AssistantError, OSError) as error:
        state.error = str(error)


def _draw_about(run: Run, results: RunResults) -> None:
    drawn = run.plan["sample"]
    tag = run.plan.get("tag")
    which = "questions" if tag is None else f"questions tagged {plain(tag)}"
    how = f"all {which}" if drawn is None else f"{drawn} {which} drawn by chance"
    models = "; ".join(
        f"{model['generator']} with {model['embedder']}" for model in results.report.models
    )
    st.caption(
        f"{begun(run, st.context.timezone)} · {how}{f' · {plain(models)}' if models else ''}"
        f" · run {plain(run.id)}"
    )
    if len(results.index_generations) > 1:
        st.warning("Documents changed during this run: its figures mix several states of them.")


def _draw_stopped(evaluations: OwnEvaluations, state: EvaluateState, run: Run) -> None:
    st.warning(
        f"Stopped with {run.n_replies} of {run.n_cases} questions answered. The figures are of "
        "these alone.",
        icon=":material/pause_circle:",
    )
    if run.is_continuable(evaluations.subject()):
        st.button(
            "Continue this run",
            icon=":material/play_arrow:",
            type="primary",
            on_click=resume,
            args=(evaluations, state, run.id),
        )
    else:
        st.caption("It cannot be continued: documents, settings or the program have changed since.")


def _chosen_outcomes(counts: Mapping[Outcome, int], state: EvaluateState) -> frozenset[Outcome]:
    """Draw the filter and return the outcomes it lets through."""
    sums: dict[str, tuple[str, frozenset[Outcome]]] = {ALL_WRONG: ("All wrong", frozenset(WRONG))}
    sums |= {one: (words, frozenset({one})) for one, (words, _) in LOOKS.items()}
    sums[ALL] = ("All", frozenset(Outcome))
    chosen = st.pills(
        "Show",
        list(sums),
        default=ALL_WRONG,
        required=True,
        wrap=True,
        format_func=lambda one: f"{sums[one][0]} ({sum(counts[o] for o in sums[one][1])})",
        on_change=_to_first_page,
        args=(state,),
    )
    with st.expander("What counts as what", icon=":material/info:"):
        st.markdown(COUNTED_AS)
    return sums[chosen or ALL_WRONG][1]


def _draw_cases(
    evaluations: OwnEvaluations, state: EvaluateState, run: Run, cases: Sequence[JudgedCase]
) -> None:
    if not cases:
        st.success("No question went this way.", icon=":material/check:")
        return
    n_pages = -(-len(cases) // PAGE)
    state.page_index = min(state.page_index, n_pages - 1)
    first = state.page_index * PAGE
    for judged in evaluations.readable_cases(run, cases[first : first + PAGE]):
        draw_case(judged)
    if n_pages == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, move in (("Previous", "arrow_back", -1), ("Next", "arrow_forward", 1)):
            st.button(
                label,
                key=f"cases-{label}",
                icon=f":material/{icon}:",
                disabled=not 0 <= state.page_index + move < n_pages,
                on_click=_turn,
                args=(state, move),
            )
        st.caption(f"{first + 1} to {min(first + PAGE, len(cases))} of {len(cases)}")


def _to_first_page(state: EvaluateState) -> None:
    state.page_index = 0


def _turn(state: EvaluateState, move: int) -> None:
    state.page_index += move
