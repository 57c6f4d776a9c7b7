"""Several settings measured on the same cases: which variants there are, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from assistant.inert import markdown
from evals.comparison import Comparison, compare_runs
from evals.comparison_report import comparison_to_json
from evals.errors import SweepError
from evals.report import Report, number_text

MOST_VARIANTS = 64
SHOWN = (
    "containment",
    "f1",
    "answer_rate",
    "abstention_f1",
    "page_recall_at_5",
    "doc_recall_at_5",
    "citation_precision_page",
    "citation_precision_doc",
    "ttft_ms_p50",
    "total_ms_p50",
)
"""Metrics of the table, as far as a suite has them."""
QUALITY, TIME = "containment", "total_ms_p50"
"""What is plotted against what."""

Changes = Mapping[str, str]
"""Settings by `section.key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A variant with what was measured of it."""

    changes: Changes
    report: Report
    against_first: Comparison | None
    """None of the first itself."""

    @property
    def name(self) -> str:
        """What sets it apart."""
        return ", ".join(f"{key}={value}" for key, value in self.changes.items())


def variants(choices: Sequence[str]) -> tuple[Changes, ...]:
    """Return every combination of the values that are to be tried, in the order given.

    Args:
        choices: Such as `answer.passages=3,5`.

    Raises:
        SweepError: one is written otherwise, a setting is named twice, or they are too many.

    >>> [dict(one) for one in variants(["a.b=1,2"])]
    [{'a.b': '1'}, {'a.b': '2'}]
    """
    tried: dict[str, tuple[str, ...]] = {}
    for choice in choices:
        key, sign, values = choice.partition("=")
        parts = key.strip().split(".")
        wanted = tuple(dict.fromkeys(value.strip() for value in values.split(",")))
        if not sign or len(parts) != 2 or not all((*parts, *wanted)):
            raise SweepError(
                f"{choice!r} is no choice of values; write SECTION.KEY=VALUE,VALUE, such as "
                "answer.passages=3,5"
            )
        if key.strip() in tried:
            raise SweepError(f"{key.strip()!r} is given twice; give all its values together")
        tried[key.strip()] = wanted
    found = tuple(dict(zip(tried, values, strict=True)) for values in product(*tried.values()))
    if len(found) > MOST_VARIANTS:
        raise SweepError(f"{len(found)} variants are too many; try at most {MOST_VARIANTS}")
    return found


def as_environment(changes: Changes) -> dict[str, str]:
    """Return the variables that set what a variant changes."""
    return {f"PLINTH_{key.replace('.', '__').upper()}": value for key, value in changes.items()}


def measured(found: Sequence[tuple[Changes, Report]]) -> tuple[Measured, ...]:
    """Compare each variant with the first one.

    Raises:
        RunError: two of them have no answered case in common.
    """
    first = found[0][1].run
    return tuple(
        Measured(
            changes=changes,
            report=report,
            against_first=compare_runs(first, report.run) if index else None,
        )
        for index, (changes, report) in enumerate(found)
    )


def sweep_to_json(results: Sequence[Measured]) -> dict[str, Any]:
    """Return all figures of all variants, and by how much each differs from the first."""
    return {
        "variants": [
            {
                "changes": dict(one.changes),
                "run": one.report.run.id,
                "suites": one.report.to_json()["suites"],
                "differences": {}
                if one.against_first is None
                else {
                    name: comparison["differences"]
                    for name, comparison in comparison_to_json(one.against_first)["suites"].items()
                },
            }
            for one in results
        ]
    }


def sweep_to_markdown(results: Sequence[Measured]) -> str:
    """Return a table for each suite, a line for each variant."""
    lines = ["# Sweep"]
    for name, suite in results[0].report.suites.items():
        metrics = [metric for metric in SHOWN if metric in suite.figures]
        lines += ["", f"## {markdown(name)}", "", f"| variant | {' | '.join(metrics)} | run |"]
        lines.append(f"|---|{'--:|' * len(metrics)}---|")
        for one in results:
            cells = [cell_text(one, name, metric) for metric in metrics]
            lines.append(f"| {markdown(one.name)} | {' | '.join(cells)} | {one.report.run.id} |")
    lines += [
        "",
        "In brackets: the 95 % interval of the difference to the first line, case by case.",
    ]
    return "\n".join(lines) + "\n"


def cell_text(one: Measured, suite: str, metric: str) -> str:
    """Return a figure, and the interval of its difference to the first variant."""
    figure = one.report.suites[suite].figures.get(metric)
    if figure is None:
        return "–"
    text = number_text(metric, figure.value)
    compared = one.against_first.suites.get(suite) if one.against_first else None
    difference = compared.differences.get(metric) if compared else None
    if difference is None:
        return text
    low, high = (
        number_text(metric, end, sign="+")
        for end in (difference.change.low, difference.change.high)
    )
    return f"{text} [{low}, {high}]"
