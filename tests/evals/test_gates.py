from __future__ import annotations

import pytest

from evals.bootstrap import Figure
from evals.comparison import Comparison, Difference, SuiteComparison, Test
from evals.errors import GateError
from evals.gates import missed_gates, parse_gate


def figure(value):
    return Figure(value=value, low=0, high=1, n=9)


def refused(run):
    raise AssertionError(f"no gate names a run, not even {run}")


def compared(change, *, metric="f1"):
    """A comparison of two runs of one suite in which one metric changed."""
    difference = Difference(left=0.5, right=0.5, change=change, test=Test.SWAPS, p_value=0.5)
    suite = SuiteComparison(n=9, left_out={}, differences={metric: difference}, flips=())
    return lambda run: Comparison(left=run, right="later", suites={"one": suite})


SUITES = {"one": {"f1": figure(0.6), "em": figure(0.2)}, "two": {"f1": figure(0.4)}}


@pytest.mark.parametrize(
    ("text", "n_missed"),
    [
        ("f1>=0.4", 0),  # on the bound is met
        ("f1>=0.5", 1),
        ("f1>=0.7", 2),
        ("one.f1>=0.5", 0),
        ("em >= 0.2", 0),  # only suites that measure it
        ("two.em>=0", 1),  # measured by none
        ("abstention_f1>=0", 1),
        ("f1<=0.6", 0),
        ("f1<=0.5", 1),
    ],
)
def test_missed_gates_names_every_suite_beyond_the_bound(text, n_missed):
    assert len(list(missed_gates([parse_gate(text)], SUITES, refused))) == n_missed


def test_missed_gates_says_gate_suite_and_value():
    (sentence,) = missed_gates([parse_gate("two.f1>=0.5")], SUITES, refused)
    assert sentence == "gate two.f1>=0.5 is not met: two has 0.4"


@pytest.mark.parametrize(
    ("text", "interval", "n_missed"),
    [
        ("f1 no worse than 2026", (-0.2, 0.1), 0),  # chance may explain it
        ("f1 no worse than 2026", (-0.2, -0.1), 1),
        ("f1 no worse than 2026", (0.1, 0.2), 0),
        ("f1 no worse than 2026 by 0.1", (-0.2, 0.1), 1),  # it may have lost more
        ("f1 no worse than 2026 by 0.2", (-0.2, 0.1), 0),
        ("one.f1 no worse than 2026", (-0.2, -0.1), 1),
        ("two.f1 no worse than 2026", (0.0, 0.1), 1),  # not measured by both
        ("ttft_ms_p50 no worse than 2026", (10, 20), 1),  # more is worse
        ("ttft_ms_p50 no worse than 2026 by 25", (10, 20), 0),
    ],
)
def test_missed_gates_compares_with_an_earlier_run(text, interval, n_missed):
    low, high = interval
    gate = parse_gate(text)
    change = Figure(value=(low + high) / 2, low=low, high=high, n=9)
    missed = list(missed_gates([gate], SUITES, compared(change, metric=gate.metric)))
    assert len(missed) == n_missed
    assert str(gate) == text


@pytest.mark.parametrize(
    "text",
    [
        "f1 no worse than",
        "f1 no worse than a by b",
        "f1",
        "f1>0.5",
        "f1>=",
        "f2>=0.5",
        "f1>=half",
        ">=0.5",
        "",
    ],
)
def test_parse_gate_refuses_what_is_no_gate(text):
    with pytest.raises(GateError):
        parse_gate(text)
