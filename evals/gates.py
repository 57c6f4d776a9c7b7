"""Gates: bounds that figures must reach, and runs that they must not fall behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.bootstrap import Figure
from evals.comparison import Comparison, is_worse, worst_loss
from evals.errors import GateError
from evals.metrics import METRICS

_NAME = r"\s*(?:(?P<suite>.+)\.)?(?P<metric>\w+)\s*"
_BOUND = re.compile(rf"{_NAME}(?P<sign>>=|<=)\s*(?P<bound>\S+)\s*")
_NO_WORSE = re.compile(rf"{_NAME}\sno\s+worse\s+than\s+(?P<run>\S+)(?:\s+by\s+(?P<bound>\S+))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A bound on a metric."""

    metric: str
    bound: float
    is_minimum: bool
    """True: at least `bound`; False, as for times: at most."""
    suite: str | None = None
    """None: every suite that has the metric, and there must be one."""

    def __str__(self) -> str:
        return f"{_full_name(self)}{'>=' if self.is_minimum else '<='}{self.bound:g}"

    def admits(self, value: float) -> bool:
        """Tell whether a value is on the right side of the bound, or on it."""
        return value >= self.bound if self.is_minimum else value <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGate:
    """A metric that must not be worse than in an earlier run of the same cases."""

    metric: str
    run: str
    """The earlier run's id or its beginning."""
    margin: float | None = None
    """How much worse is tolerated, with 97.5 % certainty; None: whatever chance may explain."""
    suite: str | None = None
    """None: every suite that has the metric, and there must be one."""

    def __str__(self) -> str:
        by = "" if self.margin is None else f" by {self.margin:g}"
        return f"{_full_name(self)} no worse than {self.run}{by}"


def parse_gate(text: str) -> Gate | RunGate:
    """Read `METRIC>=VALUE`, `METRIC<=VALUE` or `METRIC no worse than RUN [by VALUE]`.

    Each may have `SUITE.` before the metric.

    Raises:
        GateError: it is none of these, or the metric is unknown.

    >>> str(parse_gate("sample.em >= 0.5")), str(parse_gate("f1 no worse than 2026 by 0.03"))
    ('sample.em>=0.5', 'f1 no worse than 2026 by 0.03')
    """
    match = _NO_WORSE.fullmatch(text) or _BOUND.fullmatch(text)
    if match is None:
        raise GateError(
            f"{text!r} is no gate; write METRIC>=VALUE, such as f1>=0.5, or "
            "METRIC no worse than RUN"
        )
    if match["metric"] not in METRICS:
        raise GateError(f"gate {text!r} names no known metric; known: {', '.join(METRICS)}")
    try:
        bound = None if match["bound"] is None else float(match["bound"])
    except ValueError as error:
        raise GateError(f"bound {match['bound']!r} of gate {text!r} is not a number") from error
    if match.re is _NO_WORSE:
        return RunGate(metric=match["metric"], run=match["run"], margin=bound, suite=match["suite"])
    assert bound is not None
    return Gate(
        metric=match["metric"],
        bound=bound,
        is_minimum=match["sign"] == ">=",
        suite=match["suite"],
    )


def missed_gates(
    gates: Sequence[Gate | RunGate],
    suites: Mapping[str, Mapping[str, Figure]],
    compared: Callable[[str], Comparison],
) -> Iterator[str]:
    """Yield a sentence for every gate that is not met.

    Args:
        gates: The bounds; compared with values, not with intervals.
        suites: Figures by suite and metric.
        compared: Returns the comparison of an earlier run (left) with this one.

    Raises:
        RunError: an earlier run does not exist or asked nothing in common.
    """
    for gate in gates:
        failures = (
            _missed_bound(gate, suites)
            if isinstance(gate, Gate)
            else _missed_run(gate, compared(gate.run))
        )
        yield from (f"gate {gate} is not met: {failure}" for failure in failures)


def _missed_bound(gate: Gate, suites: Mapping[str, Mapping[str, Figure]]) -> Iterator[str]:
    measured = {
        name: figures[gate.metric].value
        for name, figures in suites.items()
        if gate.metric in figures and gate.suite in (None, name)
    }
    if not measured:
        yield "no suite of the run measures it"
    for name, value in measured.items():
        if not gate.admits(value):
            yield f"{name} has {value:.4g}"


def _missed_run(gate: RunGate, comparison: Comparison) -> Iterator[str]:
    measured = {
        name: suite.differences[gate.metric]
        for name, suite in comparison.suites.items()
        if gate.metric in suite.differences and gate.suite in (None, name)
    }
    if not measured:
        yield "no suite of both runs measures it"
    for name, difference in measured.items():
        change = difference.change
        is_missed = (
            is_worse(gate.metric, difference)
            if gate.margin is None
            else worst_loss(gate.metric, difference) > gate.margin
        )
        if is_missed:
            yield (
                f"{name} has {difference.right:.4g} after {difference.left:.4g}, a change of "
                f"{change.value:+.4g} [{change.low:+.4g}, {change.high:+.4g}]"
            )


def _full_name(gate: Gate | RunGate) -> str:
    return gate.metric if gate.suite is None else f"{gate.suite}.{gate.metric}"
