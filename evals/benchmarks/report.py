"""Benchmark results for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evals.benchmarks.types import Benchmark, Difference, Measured, Quantity, Result


def results_to_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return the object that `plinth bench --json` prints."""
    return {"benchmarks": [_result_to_json(result) for result in results]}


def benchmarks_to_json(benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """Return the object that `plinth bench --list --json` prints."""
    return {
        "benchmarks": [
            {
                "benchmark": benchmark.name,
                "title": benchmark.title,
                "gates": {one.name: one.gate for one in benchmark.quantities},
                "limits": {one.name: one.limit for one in benchmark.quantities},
            }
            for benchmark in benchmarks
        ]
    }


def list_lines(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield what there is to run, with the gates, as lines of text."""
    for benchmark in benchmarks:
        yield f"{benchmark.name}: {benchmark.title}"
        for one in benchmark.quantities:
            if bounds := _bounds(one):
                yield f"  {one.name} {bounds}"


def result_lines(result: Result) -> Iterator[str]:
    """Yield a result as lines of text."""
    yield f"{result.name}: {result.title}"
    for one in result.measured:
        yield f"  {_measured_line(one)}"
    for name, value in result.conditions.items():
        yield f"    {name}: {value}"
    yield f"  {result.status}" + (f": {result.missing}" if result.missing else "")


def _bounds(quantity: Quantity) -> str:
    """Return what is asked of a quantity; empty where it is only shown."""
    bounds = []
    if quantity.gate is not None:
        is_score, gate = quantity.is_score, quantity.gate
        bounds.append(f"lower end at least {gate:+.2f}" if is_score else f"at least {gate:.2f} x")
    if quantity.limit is not None:
        bounds.append(f"at most {quantity.limit:g} {quantity.unit}")
    return ", ".join(bounds)


def _measured_line(one: Measured | Difference) -> str:
    quantity = one.quantity
    bounds = _bounds(quantity)
    met = "met" if one.is_met else "NOT MET"
    gate = f"; {bounds}: {met}" if bounds else ""
    if isinstance(one, Difference):
        figure = one.difference
        return (
            f"{quantity.name:10} {figure.value:+.3f} (95 %: {figure.low:+.3f} to "
            f"{figure.high:+.3f}, n {figure.n}), "
            f"{one.baseline:.3f} -> {one.plinth:.3f} {quantity.unit}{gate}"
        )
    return (
        f"{quantity.name:10} {one.median_ratio:.2f} x "
        f"({min(one.ratios):.2f} to {max(one.ratios):.2f}), "
        f"{one.baseline:.3g} -> {one.plinth:.3g} {quantity.unit}{gate}"
    )


def _compared_to_json(one: Measured | Difference) -> dict[str, Any]:
    if isinstance(one, Difference):
        figure = one.difference
        return {"difference": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}
    return {"median_ratio": one.median_ratio, "ratios": list(one.ratios)}


def _result_to_json(result: Result) -> dict[str, Any]:
    return {
        "benchmark": result.name,
        "title": result.title,
        "status": result.status,
        "missing": result.missing,
        "quantities": {
            one.quantity.name: {
                "unit": one.quantity.unit,
                **_compared_to_json(one),
                "baseline": one.baseline,
                "plinth": one.plinth,
                "gate": one.quantity.gate,
                "limit": one.quantity.limit,
                "met": one.is_met,
            }
            for one in result.measured
        },
        "conditions": dict(result.conditions),
    }
