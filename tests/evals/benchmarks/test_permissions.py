from __future__ import annotations

import pytest

from evals.benchmarks.permissions import MOST_COST, Permissions
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import Status
from tests.evals.benchmarks.conftest import Bench


def test_permissions_searches_as_the_operator_and_as_two_readers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.benchmarks.permissions.QUESTIONS", 2)
    result = run_benchmark(Permissions(n_chunks=300), bench, tell=lambda _: None)
    assert [one.quantity.name for one in result.measured] == ["all", "few"]
    assert [one.quantity.gate for one in result.measured] == [1 / MOST_COST, 1.0]
    assert all(one.plinth > 0 and one.baseline > 0 for one in result.measured)
    assert result.conditions["passages"] == 300
    assert result.status is not Status.UNMEASURED
