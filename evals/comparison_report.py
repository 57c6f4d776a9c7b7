"""A comparison of two runs, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assistant.inert import markdown
from evals.comparison import Comparison, Difference, Flip, SuiteComparison
from evals.report import number_text

FLIPS_SHOWN = 50
"""In Markdown; JSON has all of them."""


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """Return differences, tests and flipped cases by suite."""
    return {
        "left": comparison.left.id,
        "right": comparison.right.id,
        "suites": {name: _suite_to_json(suite) for name, suite in comparison.suites.items()},
    }


def comparison_to_markdown(comparison: Comparison) -> str:
    """Return a table of differences and the flipped cases, suite by suite."""
    return "\n".join(_lines(comparison)) + "\n"


def _suite_to_json(suite: SuiteComparison) -> dict[str, Any]:
    return {
        "n": suite.n,
        "left_out": dict(suite.left_out),
        "differences": {name: _difference_to_json(d) for name, d in suite.differences.items()},
        "flips": [_flip_to_json(flip) for flip in suite.flips],
    }


def _difference_to_json(difference: Difference) -> dict[str, Any]:
    change = difference.change
    return {
        "left": difference.left,
        "right": difference.right,
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "n": change.n,
        "test": str(difference.test),
        "p": difference.p_value,
    }


def _flip_to_json(flip: Flip) -> dict[str, Any]:
    return {
        "id": flip.case.id,
        "question": flip.case.question,
        "answers": list(flip.case.answers),
        "left": {"outcome": str(flip.left), "answer": flip.left_reply["answer"]},
        "right": {"outcome": str(flip.right), "answer": flip.right_reply["answer"]},
    }


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"# Run {comparison.right.id} compared with {comparison.left.id}"
    for name, suite in comparison.suites.items():
        yield ""
        apart = f", {len(suite.left_out)} not compared" if suite.left_out else ""
        yield f"## {markdown(name)}: {suite.n} cases{apart}"
        yield ""
        yield "| metric | left | right | difference | 95 % interval | p | n |"
        yield "|---|--:|--:|--:|--:|--:|--:|"
        for metric, one in suite.differences.items():
            left, right = (number_text(metric, value) for value in (one.left, one.right))
            change, low, high = (
                number_text(metric, value, sign="+")
                for value in (one.change.value, one.change.low, one.change.high)
            )
            yield (
                f"| {metric} | {left} | {right} | {change} | {low} – {high} "
                f"| {one.p_value:.3f} | {one.change.n} |"
            )
        yield from _flip_lines(suite)
    yield ""
    yield "p: exact McNemar test where every case is a yes or a no, else a randomisation test."


def _flip_lines(suite: SuiteComparison) -> Iterator[str]:
    better = sum(flip.is_better for flip in suite.flips)
    yield ""
    yield f"Flipped: {len(suite.flips)} cases, {better} of them right now."
    for flip in suite.flips[:FLIPS_SHOWN]:
        yield ""
        yield f"**{markdown(flip.case.id)}** {markdown(flip.case.question)}"
        yield ""
        for side, outcome, reply in (
            ("left", flip.left, flip.left_reply),
            ("right", flip.right, flip.right_reply),
        ):
            yield f"- {side}, {outcome}: {markdown(' '.join(reply['answer'].split()))}"
    if len(suite.flips) > FLIPS_SHOWN:
        yield ""
        yield f"{len(suite.flips) - FLIPS_SHOWN} more are in the JSON form."
