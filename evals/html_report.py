"""A run, or a comparison of two, as one HTML file that needs no other and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from assistant.inert import json_text
from evals.comparison import Comparison, Difference, is_worse
from evals.judged import JudgedCase
from evals.metrics import SHARES
from evals.report import Report, number_text
from evals.sweep import QUALITY, SHOWN, TIME, Measured, cell_text

_PAGES = Environment(
    loader=PackageLoader("evals"),
    autoescape=True,  # questions, answers and quotes are anybody's text
    undefined=StrictUndefined,
    trim_blocks=True,
)


def run_to_html(report: Report, cases: Mapping[str, Sequence[JudgedCase]]) -> str:
    """Return a page with figures, what lost cases, and every case with its reply.

    Args:
        report: What was measured.
        cases: By suite; their replies as far as the reader may see them.
    """
    return _render(
        "run.html",
        report=report,
        cases=cases,
        plan=json_text({**report.run.plan, "starts": list(report.run.starts)}, indent=2),
    )


def comparison_to_html(comparison: Comparison) -> str:
    """Return a page with all differences and both answers to every case that flipped."""
    return _render("comparison.html", comparison=comparison, reach=_reach, is_worse=is_worse)


def sweep_to_html(results: Sequence[Measured]) -> str:
    """Return a page with a table and a plot of quality against time for each suite."""

    def slowest_of(suite: str) -> float:
        times = [one.report.suites[suite].figures.get(TIME) for one in results]
        return max((time.value for time in times if time is not None), default=0.0) or 1.0

    return _render(
        "sweep.html",
        results=results,
        shown=SHOWN,
        quality=QUALITY,
        time=TIME,
        cell=cell_text,
        slowest_of=slowest_of,
    )


def _render(template: str, **values: Any) -> str:
    return _PAGES.get_template(template).render(number=number_text, shares=SHARES, **values)


def _reach(metric: str, difference: Difference) -> float:
    """Return what the edge of a picture stands for: shares are drawn alike, others as they need."""
    change = difference.change
    widest = max(abs(change.low), abs(change.high))
    if metric in SHARES:
        return max(widest, 0.25)
    return widest or 1.0
