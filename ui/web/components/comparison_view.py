"""A run beside an earlier one: what differs, and which questions flipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from assistant.errors import AssistantError
from evals.comparison import Difference, Flip, SuiteComparison, is_worse
from evals.html_report import comparison_to_html
from evals.runs import Run
from ui.web.components.cases import LOOKS
from ui.web.components.reply import sentences_markdown
from ui.web.components.run_list import run_label
from ui.web.metric_words import SHORT, WORDS, change_text, figure_text
from ui.web.services.evaluations import OwnEvaluations
from ui.web.shown_text import plain, shortened

TITLE_CHARS = 120
ALSO = ("ttft_ms_p50", "total_ms_p50")
"""Told beside the figures that tell most."""
FLIPS_SHOWN = 30


def draw_comparison(evaluations: OwnEvaluations, run: Run, runs: Sequence[Run], suite: str) -> None:
    """Draw a choice of other runs of the same suite, and the comparison with the chosen one.

    Args:
        evaluations: Gives what the person may see.
        run: The run that is shown.
        runs: All runs, oldest first.
        suite: Name of the suite that is shown.
    """
    others = {
        other.id: other
        for other in reversed(runs)
        if other.id != run.id and suite in other.plan["suites"] and other.n_replies
    }
    if not others:
        return
    chosen = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        placeholder="Another run of this suite",
        format_func=lambda one: run_label(
            others[one], is_running=False, zone=st.context.timezone
        ).replace("  \n", " · "),
        key=f"compare-{run.id}",
    )
    if chosen is None:
        return
    try:
        with st.spinner("Comparing the runs case by case"):
            comparison = evaluations.compare(others[chosen], run)
    except AssistantError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _draw_suite(comparison.suites[suite])
    st.download_button(
        "Download the comparison",
        data=lambda: comparison_to_html(evaluations.compare(others[chosen], run)).encode(),
        file_name=f"plinth-{others[chosen].id}-{run.id}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )


def _draw_suite(suite: SuiteComparison) -> None:
    apart = f", {len(suite.left_out)} left out" if suite.left_out else ""
    st.caption(
        f"{suite.n} questions that both answered{apart}. A difference is from the other run to "
        "this one; it is beyond chance where its interval does not hold 0."
    )
    rows = [
        _row(name, suite.differences[name]) for name in (*SHORT, *ALSO) if name in suite.differences
    ]
    st.table(rows)
    n_better = sum(flip.is_better for flip in suite.flips)
    st.markdown(
        f"**{len(suite.flips)} questions flipped**, {n_better} of them are right now."
        if suite.flips
        else "**No question flipped.**"
    )
    for flip in suite.flips[:FLIPS_SHOWN]:
        _draw_flip(flip)
    if len(suite.flips) > FLIPS_SHOWN:
        st.caption(f"{len(suite.flips) - FLIPS_SHOWN} more are in the file that can be downloaded.")


def _row(name: str, difference: Difference) -> Mapping[str, str]:
    change = difference.change
    is_sure = change.low > 0 or change.high < 0
    verdict = "no sure difference"
    if is_sure:
        verdict = "worse" if is_worse(name, difference) else "better"
    return {
        "Metric": SHORT.get(name, WORDS[name]),
        "Other run": figure_text(name, difference.left),
        "This run": figure_text(name, difference.right),
        "Difference": change_text(name, change.value),
        "95 %": f"{change_text(name, change.low)} to {change_text(name, change.high)}",
        "p": f"{difference.p_value:.3f}",
        "n": str(change.n),
        "Verdict": verdict,
    }


def _draw_flip(flip: Flip) -> None:
    words = " → ".join(LOOKS[outcome][0].lower() for outcome in (flip.left, flip.right))
    title = f"{plain(shortened(flip.case.question, TITLE_CHARS))} :gray[· {words}]"
    icon = "trending_up" if flip.is_better else "trending_down"
    with st.expander(title, icon=f":material/{icon}:"):
        gold = " / ".join(flip.case.answers) or "the documents do not say"
        st.caption(f"Gold answer: {plain(gold)}")
        left, right = st.columns(2, gap="large")
        for column, name, reply in (
            (left, "Other run", flip.left_reply),
            (right, "This run", flip.right_reply),
        ):
            with column:
                st.markdown(f"**{name}**")
                st.markdown(_answer(reply))


def _answer(reply: Mapping[str, Any]) -> str:
    if reply["status"] != "answered":
        return "The documents do not say."
    return sentences_markdown(reply["sentences"])
