"""Reports of a run: figures with their counts and intervals, as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.inert import markdown
from evals.bootstrap import Figure
from evals.case_scores import ReplyJson
from evals.layers import Layer, lost_in
from evals.metrics import SHARES, score_suite
from evals.runs import Run
from evals.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteReport:
    """What a run measured on one suite."""

    n: int
    """Cases asked."""
    errors: Mapping[str, str]
    """What went wrong, by case id."""
    unscored: int
    """Cases without a reply: those with an error, and those that were not asked yet."""
    figures: Mapping[str, Figure]
    """By metric, in report order."""
    lost: Mapping[Layer, int]
    """How many cases each layer lost, in the order in which a question meets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run measured."""

    run: Run
    suites: Mapping[str, SuiteReport]
    models: tuple[Mapping[str, Any], ...]
    """The distinct `model` records of the replies; more than one means that one changed."""

    def to_json(self) -> dict[str, Any]:
        """Return values by metric, with counts and intervals beside them."""
        return {
            "run": self.run.id,
            "started": self.run.started,
            "finished": self.run.finished,
            "plan": dict(self.run.plan),
            "starts": [dict(start) for start in self.run.starts],
            "models": [dict(model) for model in self.models],
            "suites": {name: _suite_to_json(suite) for name, suite in self.suites.items()},
        }

    def to_markdown(self) -> str:
        """Return a table for each suite under a line that says what was measured."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# Run {self.run.id}"
        yield ""
        state = "" if self.run.finished else " **Not finished.**"
        drawn = self.run.plan["sample"]
        drawing = (
            "" if drawn is None else f", {drawn} a suite drawn with seed {self.run.plan['seed']}"
        )
        tag = self.run.plan.get("tag")
        tagged = "" if tag is None else f", cases tagged {markdown(tag)}"
        yield f"Started {self.run.started}{tagged}{drawing}.{state}"
        for model in self.models:
            yield (
                f"Generator {markdown(model['generator'])} "
                f"({markdown(model['generator_sha256'][:12]) or 'no hash'}), embedder "
                f"{markdown(model['embedder'])}, prompt {markdown(model['prompt_version'])}."
            )
        for name, suite in self.suites.items():
            yield ""
            yield f"## {markdown(name)}: {suite.n} cases, {_apart(suite)}"
            yield ""
            yield "| metric | value | 95 % interval | n |"
            yield "|---|--:|--:|--:|"
            for metric, figure in suite.figures.items():
                value, low, high = (
                    number_text(metric, number)
                    for number in (figure.value, figure.low, figure.high)
                )
                yield f"| {metric} | {value} | {low} – {high} | {figure.n} |"
            yield ""
            lost = ", ".join(f"{layer} {n}" for layer, n in suite.lost.items() if n)
            yield f"Where cases were lost: {lost or 'nowhere'}."
            for case_id, error in suite.errors.items():
                yield ""
                yield f"Unscored {markdown(case_id)}: {markdown(error)}"


def report_run(run: Run) -> Report:
    """Score the replies of a run, finished or not."""
    suites = {}
    models: dict[str, Mapping[str, Any]] = {}
    for suite in run.suites():
        replies = run.replies(suite.name)
        suites[suite.name] = SuiteReport(
            n=len(suite.cases),
            errors=run.errors(suite.name),
            unscored=sum(case.id not in replies for case in suite.cases),
            figures=score_suite(suite.cases, replies, page_tolerance=suite.page_tolerance),
            lost=_count_lost(suite, replies),
        )
        for reply in replies.values():
            models.setdefault(json.dumps(reply["model"], sort_keys=True), reply["model"])
    return Report(run=run, suites=suites, models=tuple(models.values()))


def _count_lost(suite: Suite, replies: Mapping[str, ReplyJson]) -> dict[Layer, int]:
    counts = dict.fromkeys(Layer, 0)
    for case in suite.cases:
        if case.id in replies:
            layer = lost_in(case, replies[case.id], suite.page_tolerance)
            if layer is not None:
                counts[layer] += 1
    return counts


def number_text(metric: str, number: float, *, sign: str = "") -> str:
    """Return a figure with as many places as say something.

    >>> number_text("em", 0.5), number_text("ttft_ms_p50", 1234.5, sign="+")
    ('0.500', '+1234')
    """
    return f"{number:{sign}.{0 if is_large(metric) else 3}f}"


def is_large(metric: str) -> bool:
    """Tell whether a metric is no share but a time, a size or a count."""
    return metric not in SHARES


def _apart(suite: SuiteReport) -> str:
    """Say what is not in the figures, each kind by itself."""
    n_crashed = len(suite.errors)
    return f"{n_crashed} with an error, {suite.unscored - n_crashed} not asked"


def _suite_to_json(suite: SuiteReport) -> dict[str, Any]:
    values = {metric: round(figure.value, 4) for metric, figure in suite.figures.items()}
    intervals = {
        metric: {"low": round(figure.low, 4), "high": round(figure.high, 4), "n": figure.n}
        for metric, figure in suite.figures.items()
    }
    return {
        "n": suite.n,
        "unscored": suite.unscored,
        "crashed": len(suite.errors),
        "not_asked": suite.unscored - len(suite.errors),
        **values,
        "lost": {layer.name.lower(): n for layer, n in suite.lost.items()},
        "intervals": intervals,
        "errors": dict(suite.errors),
    }
