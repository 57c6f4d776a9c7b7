from __future__ import annotations

import pytest

from evals.bootstrap import Figure
from evals.errors import GateError
from evals.gates import missed_gates, parse_gate


def figure(value):
    return Figure(value=value, low=0, high=1, n=9)


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
    assert len(list(missed_gates([parse_gate(text)], SUITES))) == n_missed


def test_missed_gates_says_gate_suite_and_value():
    (sentence,) = missed_gates([parse_gate("two.f1>=0.5")], SUITES)
    assert sentence == "gate two.f1>=0.5 is not met: two has 0.4"


@pytest.mark.parametrize("text", ["f1", "f1>0.5", "f1>=", "f2>=0.5", "f1>=half", ">=0.5", ""])
def test_parse_gate_refuses_what_is_no_gate(text):
    with pytest.raises(GateError):
        parse_gate(text)
