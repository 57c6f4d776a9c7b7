from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evals.benchmarks.report import list_lines, result_lines, results_to_json
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import Result, Status
from tests.evals.benchmarks.conftest import SPEED, TIME, Bench, Scripted


def test_lines_show_ratio_spread_values_gate_and_conditions(bench: Bench) -> None:
    rounds = [(10, 12), (20, 26), (10, 11), (10, 10), (10, 12)]
    result = run_benchmark(Scripted(rounds), bench, tell=lambda _: None)
    assert list(result_lines(result)) == [
        "scripted: what is written against what is written",
        "  speed      1.20 x (1.00 to 1.30), 10 -> 12 tokens/s; at least 1.10 x: met",
        "  time       1.20 x (1.00 to 1.30), 100 -> 83.3 ms",
        "    rounds: 5",
        "    model: none",
        "    calls: 11",
        "  met",
    ]


def test_lines_of_a_missed_gate_say_so(bench: Bench) -> None:
    result = run_benchmark(Scripted([(10, 10)] * 5), bench, tell=lambda _: None)
    lines = list(result_lines(result))
    assert lines[1].endswith("at least 1.10 x: NOT MET")
    assert lines[-1] == "  missed"


def test_lines_show_an_absolute_limit(bench: Bench) -> None:
    benchmark = Scripted([(10, 12)] * 5)
    benchmark.quantities = (replace(SPEED, limit=12.0), replace(TIME, limit=80.0))
    result = run_benchmark(benchmark, bench, tell=lambda _: None)
    lines = list(result_lines(result))
    assert lines[1].endswith("; at least 1.10 x, at most 12 tokens/s: met")
    assert lines[2].endswith("; at most 80 ms: NOT MET")
    assert lines[-1] == "  missed"


def test_lines_of_what_could_not_be_measured_say_what_is_needed() -> None:
    result = Result(
        name="a", title="b", status=Status.UNMEASURED, conditions={}, missing="needs a model"
    )
    assert list(result_lines(result)) == ["a: b", "  unmeasured: needs a model"]


def test_json_holds_every_ratio(bench: Bench) -> None:
    result = run_benchmark(Scripted([(10, 20)] * 5), bench, tell=lambda _: None)
    (value,) = json.loads(json.dumps(results_to_json([result])))["benchmarks"]
    assert value["status"] == "met"
    assert value["missing"] is None
    assert value["quantities"]["speed"] == {
        "unit": "tokens/s",
        "median_ratio": 2,
        "ratios": [2] * 5,
        "baseline": 10,
        "plinth": 20,
        "gate": 1.1,
        "limit": None,
        "met": True,
    }
    assert value["conditions"]["model"] == "none"


def test_a_score_is_shown_with_its_interval_in_lines_and_json(bench: Bench) -> None:
    benchmark = Scripted([(0.5, 0.5), (0, 1), (1, 1), (1, 0.5), (0.5, 0.5)])
    benchmark.quantities = (replace(SPEED, name="score", unit="score", gate=-0.5, is_score=True),)
    assert list(list_lines([benchmark]))[1:] == ["  score lower end at least -0.50"]
    result = run_benchmark(benchmark, bench, tell=lambda _: None)
    assert list(result_lines(result))[1] == (
        "  score      +0.100 (95 %: -0.300 to +0.600, n 5), 0.600 -> 0.700 score; "
        "lower end at least -0.50: met"
    )
    (value,) = results_to_json([result])["benchmarks"]
    shown = value["quantities"]["score"]
    assert (shown["difference"], shown["n"]) == (pytest.approx(0.1), 5)
    assert shown["low"] == pytest.approx(-0.3)
    assert "median_ratio" not in shown
