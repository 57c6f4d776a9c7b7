from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.cancellation import Cancellation
from assistant.engine import Engine
from assistant.errors import InvalidQuestionError, StoreError
from assistant.store.catalog import Catalog
from assistant.types import CollectionId, Reply
from assistant.waiting_line import WaitingLine
from evals.errors import RunError
from evals.runs import find_run, list_runs
from evals.suites import Suite
from models.errors import ModelFileError
from models.fakes import FakeEmbedder, FakeGenerator
from tests.evals.conftest import make_case
from tests.waiting import wait_until
from ui.web.evaluating import (
    MOST_AT_A_TIME,
    UNEXPECTED,
    EvaluationBusyError,
    EvaluationProgress,
    Evaluations,
)
from ui.web.resources import Resources

END_S = 30.0
QUESTIONS = (
    "How many days of annual leave do employees receive?",
    "What is the hotel limit a night?",
    "Is parking free for visitors?",
)
SUITE = Suite(
    name="own",
    sha256="0" * 64,
    cases=tuple(make_case(str(n), question=question) for n, question in enumerate(QUESTIONS)),
)


def one_at_a_time() -> WaitingLine:
    return WaitingLine(n_at_a_time=1, most_waiting=9, most_waiting_each=9)


def nothing_decides(_readable: ReadableSet) -> dict[str, Any]:
    return {}


class HeldEngine:
    """Answers, but for one question that it holds until it is let go or stopped."""

    def __init__(self, engine: Engine, held: str) -> None:
        self._engine = engine
        self._held = held
        self.is_asked = threading.Event()
        self.may_go_on = threading.Event()
        self.models = engine.models

    def ask(self, question: str, *, cancellation: Cancellation, **options: Any) -> Reply:
        if question == self._held:
            self.is_asked.set()
            cancellation.stops(self.may_go_on.set)
            assert self.may_go_on.wait(END_S)
            cancellation.check()
        return self._engine.ask(question, cancellation=cancellation, **options)


class FailingEngine:
    """Fails at every question."""

    models = (FakeGenerator().info, FakeEmbedder().info)

    def ask(self, _question: str, **_options: Any) -> Reply:
        raise InvalidQuestionError("too long")


def ready(engine: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(engine)
    return future


def ended(evaluations: Evaluations) -> EvaluationProgress:
    """The last snapshot of the evaluation under way."""
    for thread in threading.enumerate():
        if thread.name == "evaluation":
            thread.join(END_S)
    progress = evaluations.snapshots()[-1]
    assert progress.is_done
    return progress


@pytest.fixture
def engine(opened: Resources) -> Engine:
    return opened.engine.result()


@pytest.fixture
def catalog(opened: Resources) -> Catalog:
    return opened.catalog


@pytest.fixture
def held(engine: Engine) -> HeldEngine:
    return HeldEngine(engine, QUESTIONS[1])


@pytest.fixture
def measuring(held: HeldEngine, catalog: Catalog, tmp_path: Path) -> Iterator[Evaluations]:
    """Evaluations whose second question is held."""
    evaluations = Evaluations(
        tmp_path / "held", ready(held), catalog, lambda _: {"program": 1}, one_at_a_time()
    )
    yield evaluations
    evaluations.close()


def test_run_tells_how_far_it_is_and_under_which_circumstances_it_is_asked(
    measuring: Evaluations, held: HeldEngine
) -> None:
    assert measuring.snapshots() == ()
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    (progress,) = measuring.snapshots()
    assert (progress.run_id, progress.suite) == (run_id, "own")
    assert (progress.n_done, progress.n_total, progress.n_failed) == (1, 3, 0)
    assert progress.question == QUESTIONS[1]
    assert progress.left_s is not None
    assert progress.left_s > 0
    assert not progress.is_done
    held.may_go_on.set()
    progress = ended(measuring)
    assert (progress.n_done, progress.is_finished, progress.left_s) == (3, True, 0)
    run = find_run(measuring.runs, run_id)
    assert run.finished
    assert run.replies("own")["0"]["status"] == "answered"
    (start,) = run.starts
    assert start["generator"]["name"] == "fake-generator"


def test_stopped_run_keeps_its_replies_and_continues(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop(run_id)
    assert ended(measuring).is_stopped
    run = find_run(measuring.runs, run_id)
    assert (run.finished, run.n_replies) == (None, 1)
    measuring.resume(run_id, OPERATOR)
    progress = ended(measuring)
    assert (progress.run_id, progress.n_done, progress.is_finished) == (run_id, 3, True)
    with pytest.raises(RunError, match="it is finished"):
        measuring.resume(run_id, OPERATOR)


def test_start_continues_a_stopped_run_of_the_same(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop(run_id)
    ended(measuring)
    assert measuring.start(SUITE, OPERATOR, sample=None) == run_id
    ended(measuring)
    assert len(list_runs(measuring.runs)) == 1


def test_run_of_changed_documents_is_not_continued(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop(run_id)
    ended(measuring)
    measuring.subject = lambda _: {"program": 2}
    with pytest.raises(RunError, match="have changed since"):
        measuring.resume(run_id, OPERATOR)


def test_an_evaluation_that_is_under_way_is_not_begun_again(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.forget(run_id)  # nothing to forget yet
    for begin in (
        lambda: measuring.start(SUITE, OPERATOR, sample=None),
        lambda: measuring.resume(run_id, OPERATOR),
    ):
        with pytest.raises(EvaluationBusyError, match="under way already"):
            begin()
    assert len(list_runs(measuring.runs)) == 1
    held.may_go_on.set()
    ended(measuring)
    measuring.forget(run_id)
    assert measuring.snapshots() == ()


def test_no_more_evaluations_are_under_way_than_may_be(
    measuring: Evaluations, held: HeldEngine
) -> None:
    for seed in range(MOST_AT_A_TIME):
        measuring.start(SUITE, OPERATOR, sample=2, seed=seed)
    with pytest.raises(EvaluationBusyError, match="wait until one is done"):
        measuring.start(SUITE, OPERATOR, sample=1)
    assert len(list_runs(measuring.runs)) == MOST_AT_A_TIME
    held.may_go_on.set()
    ended(measuring)
    assert all(one.is_finished for one in measuring.snapshots())


def test_a_run_that_another_process_asks_says_so(measuring: Evaluations, held: HeldEngine) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop(run_id)
    ended(measuring)
    with measuring.runs.under_way(run_id):
        measuring.resume(run_id, OPERATOR)
        assert "is asking the questions of this run" in str(ended(measuring).error)


def test_close_stops_what_is_under_way_and_starts_nothing_more(
    measuring: Evaluations, held: HeldEngine
) -> None:
    measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.close()
    assert ended(measuring).is_stopped
    with pytest.raises(EvaluationBusyError, match="server is ending"):
        measuring.start(SUITE, OPERATOR, sample=None)


def test_who_may_read_something_else_by_the_time_of_a_cases_turn_gets_no_reply(
    engine: Engine, catalog: Catalog, tmp_path: Path
) -> None:
    line, may_go_on = one_at_a_time(), True
    held = line.ticket("ann")
    held.wait(Cancellation(), lambda _: None)
    evaluations = Evaluations(tmp_path, ready(engine), catalog, nothing_decides, line)
    run_id = evaluations.start(SUITE, OPERATOR, sample=None, may_go_on=lambda: may_go_on)
    wait_until(lambda: evaluations.snapshots()[0].question)
    may_go_on = False
    held.end()
    assert "may read has changed" in str(ended(evaluations).error)
    assert find_run(evaluations.runs, run_id).n_replies == 0


def test_stop_does_not_wait_for_models(catalog: Catalog, tmp_path: Path) -> None:
    evaluations = Evaluations(tmp_path, Future(), catalog, nothing_decides, one_at_a_time())
    evaluations.stop("none")
    run_id = evaluations.start(SUITE, OPERATOR, sample=2)
    (progress,) = evaluations.snapshots()
    assert (progress.question, progress.n_total, progress.left_s) == (None, 2, None)
    evaluations.stop(run_id)
    assert ended(evaluations).is_stopped


def test_question_that_fails_is_counted_and_the_run_goes_on(
    catalog: Catalog, tmp_path: Path
) -> None:
    evaluations = Evaluations(
        tmp_path, ready(FailingEngine()), catalog, nothing_decides, one_at_a_time()
    )
    run_id = evaluations.start(SUITE, OPERATOR, sample=None)
    progress = ended(evaluations)
    assert (progress.n_failed, progress.n_done, progress.is_finished) == (3, 3, True)
    errors = find_run(evaluations.runs, run_id).errors("own")
    assert errors["0"] == "InvalidQuestionError: too long"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ModelFileError("weights are missing"), "weights are missing"),
        (KeyError("secret"), UNEXPECTED.format("ID")),
    ],
)
def test_run_that_cannot_begin_says_what_one_may_know(
    error: Exception, shown: str, catalog: Catalog, tmp_path: Path
) -> None:
    broken: Future[Any] = Future()
    broken.set_exception(error)
    evaluations = Evaluations(tmp_path, broken, catalog, nothing_decides, one_at_a_time())
    evaluations.start(SUITE, OPERATOR, sample=None)
    assert re.sub(r"\b[0-9a-f]{12}\b", "ID", ended(evaluations).error or "") == shown


def test_run_on_a_full_disk_says_so(
    engine: Engine, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*arguments: object) -> None:
        raise StoreError("cannot write: database or disk is full")

    monkeypatch.setattr("assistant.store.runs.Runs.keep_reply", full_disk)
    evaluations = Evaluations(tmp_path, ready(engine), catalog, nothing_decides, one_at_a_time())
    evaluations.start(SUITE, OPERATOR, sample=None)
    assert ended(evaluations).error == "cannot write: database or disk is full"


def test_server_measures_what_the_command_line_measures(opened: Resources) -> None:
    subject = opened.evaluations.subject(OPERATOR)
    assert subject["index_generation"] == opened.catalog.current_generation()
    assert subject["settings"]["models"]["generator"] == "fake-generator"


def test_runs_of_readers_who_see_different_documents_are_different_ones(opened: Resources) -> None:
    some = ReadableSet(collections=frozenset({CollectionId(1)}))
    subjects = [opened.evaluations.subject(one) for one in (OPERATOR, some, ReadableSet())]
    assert len({one["readable"] for one in subjects}) == 3
