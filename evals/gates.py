"""Gates: figures that must reach a bound, as `--gate "page_recall_at_5>=0.8"` states them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.bootstrap import Figure
from evals.errors import GateError
from evals.metrics import METRICS

_GATE = re.compile(r"\s*(?:(?P<suite>.+)\.)?(?P<metric>\w+)\s*(?P<sign>>=|<=)\s*(?P<bound>\S+)\s*")


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
        name = self.metric if self.suite is None else f"{self.suite}.{self.metric}"
        return f"{name}{'>=' if self.is_minimum else '<='}{self.bound:g}"

    def admits(self, value: float) -> bool:
        """Tell whether a value is on the right side of the bound, or on it."""
        return value >= self.bound if self.is_minimum else value <= self.bound


def parse_gate(text: str) -> Gate:
    """Read `METRIC>=VALUE`, `METRIC<=VALUE` or either with `SUITE.` before the metric.

    Raises:
        GateError: it is none of these, or the metric is unknown.

    >>> str(parse_gate("sample.em >= 0.5"))
    'sample.em>=0.5'
    """
    match = _GATE.fullmatch(text)
    if match is None:
        raise GateError(f"{text!r} is no gate; write METRIC>=VALUE, such as f1>=0.5")
    if match["metric"] not in METRICS:
        raise GateError(f"gate {text!r} names no known metric; known: {', '.join(METRICS)}")
    try:
        bound = float(match["bound"])
    except ValueError as error:
        raise GateError(f"bound {match['bound']!r} of gate {text!r} is not a number") from error
    return Gate(
        metric=match["metric"],
        bound=bound,
        is_minimum=match["sign"] == ">=",
        suite=match["suite"],
    )


def missed_gates(
    gates: Sequence[Gate], suites: Mapping[str, Mapping[str, Figure]]
) -> Iterator[str]:
    """Yield a sentence for every gate that is not met.

    Args:
        gates: The bounds; compared with values, not with intervals.
        suites: Figures by suite and metric.
    """
    for gate in gates:
        measured = {
            name: figures[gate.metric].value
            for name, figures in suites.items()
            if gate.metric in figures and gate.suite in (None, name)
        }
        if not measured:
            yield f"gate {gate} is not met: no suite of the run measures it"
        for name, value in measured.items():
            if not gate.admits(value):
                yield f"gate {gate} is not met: {name} has {value:.4g}"
