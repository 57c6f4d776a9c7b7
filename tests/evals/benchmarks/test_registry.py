from __future__ import annotations

import pytest

from evals.benchmarks.registry import BENCHMARKS, UnknownBenchmarkError, find_benchmarks


def test_names_are_unique_and_every_benchmark_has_a_gate() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    for benchmark in BENCHMARKS:
        quantities = [quantity.name for quantity in benchmark.quantities]
        assert len(set(quantities)) == len(quantities)
        assert any(quantity.gate is not None for quantity in benchmark.quantities), benchmark.name


def test_find_without_names_is_all_and_with_a_name_twice_is_one() -> None:
    assert find_benchmarks(()) == BENCHMARKS
    assert [one.name for one in find_benchmarks(("weights", "weights"))] == ["weights"]


def test_find_of_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownBenchmarkError, match="'speed'; known are first-token, "):
        find_benchmarks(("weights", "speed"))
