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
from assistant.errors import InvalidQuestionError
from assistant.store.catalog import Catalog
from assistant.types import CollectionId, Reply
from evals.errors import RunError
from evals.runs import find_run, list_runs
from evals.suites import Suite
from models.errors import ModelFileError
from tests.evals.conftest import make_case
from ui.web.evaluating import (
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


def nothing_decides(_readable: ReadableSet) -> dict[str, Any]:
    return {}


class HeldEngine:
    """Answers, but for one question that it holds until it is let go or stopped."""

    def __init__(self, engine: Engine, held: str) -> None:
        self._engine = engine
        self._held = held
        self.is_asked = threading.Event()
        self.may_go_on = threading.Event()

    def ask(self, question: str, *, cancellation: Cancellation, **options: Any) -> Reply:
        if question == self._held:
            self.is_asked.set()
            cancellation.stops(self.may_go_on.set)
            assert self.may_go_on.wait(END_S)
            cancellation.check()
        return self._engine.ask(question, cancellation=cancellation, **options)


class FailingEngine:
    """Fails at every question."""

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
    progress = evaluations.snapshot()
    assert progress is not None
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
    evaluations = Evaluations(tmp_path / "held", ready(held), catalog, lambda _: {"program": 1})
    yield evaluations
    evaluations.close()


def test_run_tells_how_far_it_is_and_ends_with_a_report(
    measuring: Evaluations, held: HeldEngine
) -> None:
    assert measuring.snapshot() is None
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    progress = measuring.snapshot()
    assert progress is not None
    assert (progress.run_id, progress.suite) == (run_id, "own")
    assert (progress.n_done, progress.n_total, progress.n_failed) == (1, 3, 0)
    assert progress.question == QUESTIONS[1]
    assert progress.left_s is not None
    assert progress.left_s > 0
    assert not progress.is_done
    held.may_go_on.set()
    progress = ended(measuring)
    assert (progress.n_done, progress.is_finished, progress.left_s) == (3, True, 0)
    run = find_run(measuring.root, run_id)
    assert run.finished
    assert run.replies("own")["0"]["status"] == "answered"
    assert (run.folder / "report.json").is_file()


def test_stopped_run_keeps_its_replies_and_continues(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop()
    assert ended(measuring).is_stopped
    run = find_run(measuring.root, run_id)
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
    measuring.stop()
    ended(measuring)
    assert measuring.start(SUITE, OPERATOR, sample=None) == run_id
    ended(measuring)
    assert len(list_runs(measuring.root)) == 1


def test_run_of_changed_documents_is_not_continued(
    measuring: Evaluations, held: HeldEngine
) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.stop()
    ended(measuring)
    measuring.subject = lambda _: {"program": 2}
    with pytest.raises(RunError, match="have changed since"):
        measuring.resume(run_id, OPERATOR)


def test_only_one_evaluation_is_under_way(measuring: Evaluations, held: HeldEngine) -> None:
    run_id = measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.forget()  # nothing to forget yet
    with pytest.raises(EvaluationBusyError, match="under way"):
        measuring.start(SUITE, OPERATOR, sample=1)
    with pytest.raises(EvaluationBusyError, match="under way"):
        measuring.resume(run_id, OPERATOR)
    assert len(list_runs(measuring.root)) == 1
    held.may_go_on.set()
    ended(measuring)
    measuring.forget()
    assert measuring.snapshot() is None


def test_close_stops_what_is_under_way_and_starts_nothing_more(
    measuring: Evaluations, held: HeldEngine
) -> None:
    measuring.start(SUITE, OPERATOR, sample=None)
    assert held.is_asked.wait(END_S)
    measuring.close()
    assert ended(measuring).is_stopped
    with pytest.raises(EvaluationBusyError, match="server is ending"):
        measuring.start(SUITE, OPERATOR, sample=None)


def test_stop_does_not_wait_for_models(catalog: Catalog, tmp_path: Path) -> None:
    evaluations = Evaluations(tmp_path, Future(), catalog, nothing_decides)
    evaluations.stop()  # nothing is under way
    evaluations.start(SUITE, OPERATOR, sample=2)
    progress = evaluations.snapshot()
    assert progress is not None
    assert (progress.question, progress.n_total, progress.left_s) == (None, 2, None)
    evaluations.stop()
    assert ended(evaluations).is_stopped


def test_question_that_fails_is_counted_and_the_run_goes_on(
    catalog: Catalog, tmp_path: Path
) -> None:
    evaluations = Evaluations(tmp_path, ready(FailingEngine()), catalog, nothing_decides)
    run_id = evaluations.start(SUITE, OPERATOR, sample=None)
    progress = ended(evaluations)
    assert (progress.n_failed, progress.n_done, progress.is_finished) == (3, 3, True)
    errors = find_run(evaluations.root, run_id).errors("own")
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
    evaluations = Evaluations(tmp_path, broken, catalog, nothing_decides)
    evaluations.start(SUITE, OPERATOR, sample=None)
    assert re.sub(r"\b[0-9a-f]{12}\b", "ID", ended(evaluations).error or "") == shown


def test_run_on_a_full_disk_says_so(
    engine: Engine, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evals.runs._append", full_disk)
    evaluations = Evaluations(tmp_path, ready(engine), catalog, nothing_decides)
    evaluations.start(SUITE, OPERATOR, sample=None)
    assert ended(evaluations).error == (
        "the run cannot be written (No space left on device); check the disk"
    )


def test_server_measures_what_the_command_line_measures(opened: Resources) -> None:
    subject = opened.evaluations.subject(OPERATOR)
    assert subject["index_generation"] == opened.catalog.current_generation()
    assert subject["settings"]["models"]["generator"] == "fake-generator"


def test_runs_of_readers_who_see_different_documents_are_different_ones(opened: Resources) -> None:
    some = ReadableSet(collections=frozenset({CollectionId(1)}))
    subjects = [opened.evaluations.subject(one) for one in (OPERATOR, some, ReadableSet())]
    assert len({one["readable"] for one in subjects}) == 3
