from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from evals.benchmarks import load
from evals.benchmarks.load import HEAVY, SECONDS, Load
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import Measured, NeedMissingError, Result, Status, Usage, Waited
from models.settings import ModelsSettings
from ui.settings import Settings
from ui.workbench import MachineWorkbench

REFUSED = "4 of your questions wait already; ask again when one of them is answered, or stop one"


class App:
    """Answers at once, or as a test says."""

    n_at_a_time = 2

    def __init__(self) -> None:
        self.notice = ""
        self.in_line_s = 0.5
        self.growth_bytes = 0
        self.people: list[str] = []
        self.questions: list[str] = []
        self.n_open = self.n_most_open = 0
        self._n_looks = 0
        self._waited: list[Waited] = []

    @asynccontextmanager
    async def open_tab(self, person: str) -> AsyncIterator[App]:
        self.people.append(person)
        self.n_open += 1
        self.n_most_open = max(self.n_most_open, self.n_open)
        try:
            yield self
        finally:
            self.n_open -= 1

    async def ask(self, question: str) -> str:
        await asyncio.sleep(0)
        self.questions.append(question)
        self._waited.append(Waited(in_line_s=self.in_line_s, turn_s=1.0))
        return self.notice if len(self.questions) % 2 else ""

    def new_waits(self) -> Sequence[Waited]:
        waited, self._waited = self._waited, []
        return waited

    def usage(self) -> Usage:
        self._n_looks += 1
        memory_bytes = 10**8 + self._n_looks * self.growth_bytes
        return Usage(memory_bytes=memory_bytes, n_handles=40, n_threads=8)


class Served:
    """A workbench with this web app."""

    def __init__(self, app: App) -> None:
        self._app = app

    @contextmanager
    def open_web_app(self, folder: Path, *, people: Sequence[str], generator: str) -> Iterator[App]:
        assert len(list(folder.iterdir())) == load.N_DOCUMENTS
        assert set(people) == {HEAVY, *(f"light-{number}" for number in range(6))}
        assert generator == "fake-generator"
        yield self._app


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(load, "PAUSE_S", 0.001)
    monkeypatch.setattr(load, "REFUSED_PAUSE_S", 0.001)
    return App()


def run(app: App) -> Result:
    benchmark = Load("load", generator="fake-generator", n_askers=8, seconds=0.6)
    return run_benchmark(benchmark, Served(app), tell=lambda _: None)  # type: ignore[arg-type]


def found(result: Result) -> dict[str, Measured]:
    return {one.quantity.name: one for one in result.measured if isinstance(one, Measured)}


def test_load_compares_waits_with_the_rule_and_usage_with_when_it_was_warm(app: App) -> None:
    result = run(app)
    assert result.status is Status.MET
    measured = found(result)
    # Eight ask, two at a time: six wait, of turns of a second.
    assert measured["wait"].baseline == pytest.approx((6 / 2 + 1) * 1.0)
    assert measured["wait"].plinth == pytest.approx(0.5)
    assert measured["replies"].plinth == 100
    assert measured["memory"].median_ratio == 1
    assert (measured["handles"].plinth, measured["threads"].plinth) == (40, 8)
    assert "0 refused, 0 failed" in str(result.conditions["questions"])


def test_load_asks_in_as_many_tabs_as_there_are_askers_and_nothing_twice(app: App) -> None:
    run(app)
    assert app.n_most_open == 8
    assert app.n_open == 0
    assert app.people[:2] == [HEAVY, HEAVY]
    assert len(set(app.people)) == 7
    assert len(set(app.questions)) == len(app.questions)


def test_load_counts_refusals_apart_from_failures(app: App) -> None:
    app.notice = REFUSED
    result = run(app)
    assert found(result)["replies"].plinth == 100
    app.notice = "something went wrong"
    result = run(app)
    assert result.status is Status.MISSED
    assert found(result)["replies"].plinth < 60


@pytest.mark.parametrize(("name", "values"), [("wait", {"in_line_s": 4.1}), ("memory", {})])
def test_load_beyond_a_bound_is_missed(app: App, name: str, values: dict[str, float]) -> None:
    app.in_line_s = values.get("in_line_s", 0.0)
    app.growth_bytes = 0 if values else 10**7
    result = run(app)
    assert [one for one in found(result) if not found(result)[one].is_met] == [name]


def test_load_lasts_as_long_as_the_environment_says(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECONDS, "0.5")
    assert run(app).conditions["seconds"] == "0 until it was warm, then 0 a round"
    monkeypatch.setenv(SECONDS, "ten")
    result = run(app)
    assert result.status is Status.UNMEASURED
    assert "PLINTH_BENCH_SECONDS is no number" in (result.missing or "")


@pytest.mark.slow
def test_load_runs_against_the_real_web_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "N_DOCUMENTS", 8)
    workbench = MachineWorkbench(Settings(models=ModelsSettings(generator="fake-generator")))
    benchmark = Load("load", generator="fake-generator", n_askers=4, seconds=12)
    with benchmark.open(workbench) as rounds:
        measured = rounds.plinth(0)
        assert measured["replies"] == 100
        assert measured["memory"] > 50
        assert rounds.baseline(0)["wait"] > 0


def test_load_of_a_server_that_ended_is_unmeasured(app: App) -> None:
    def ended() -> Usage:
        raise NeedMissingError("the server ended")

    app.usage = ended  # type: ignore[method-assign]
    assert run(app).missing == "the server ended"
