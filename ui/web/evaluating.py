"""The evaluations under way: off the pages' threads, watched through snapshots.

Their cases are asked by the engine that serves people, behind all of their questions; see
`assistant.background`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.background import behind_people
from assistant.cancellation import Cancellation
from assistant.errors import AssistantError, QuestionCancelledError
from evals.errors import RunError
from evals.runs import Plan, Progress, Run, find_run, start_run
from evals.suite_files import SuiteFiles
from models.errors import ModelError
from ui.measuring import build_asker, suites_root
from ui.web.logs import log_unexpected

if TYPE_CHECKING:
    from assistant.access import ReadableSet
    from assistant.engine import Engine
    from assistant.store.catalog import Catalog
    from assistant.store.runs import Runs
    from assistant.waiting_line import WaitingLine
    from evals.runs import Asker
    from evals.suites import Case, Suite

_LOG = logging.getLogger(__name__)
UNEXPECTED = (
    "something went wrong that should not; continue it, and if it stays tell an admin this "
    "number: {}"
)
CLOSE_S = 30.0
"""How long the server waits at its end for the questions under way to stop."""
MOST_AT_A_TIME = 8
"""Evaluations under way; they take turns, so more of them only take longer."""


class EvaluationBusyError(AssistantError):
    """This evaluation, or as many as may be, are under way already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProgress:
    """How far an evaluation is."""

    run_id: str
    suite: str
    """Name of what is asked; of several, of each."""
    readable: str | None
    """Fingerprint of what it may see."""
    n_done: int
    """Cases asked, those of an earlier start included."""
    n_total: int
    n_failed: int = 0
    """Cases of this start whose question raised an error."""
    question: str | None = None
    """What is being asked; None before the first question, while models may still load."""
    left_s: float | None = None
    """None before the first reply."""
    is_stopping: bool = False
    is_stopped: bool = False
    is_finished: bool = False
    error: str | None = None
    """Why it ended early, for the person who started it."""

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.is_finished or self.is_stopped or self.error is not None


@dataclass(slots=True, eq=False)
class Evaluation:
    """One start of a run. Thread-safe."""

    run: Run
    line: WaitingLine
    may_go_on: Callable[[], bool] = lambda: True
    """Whether who started it may still read the same."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _progress: EvaluationProgress = field(init=False)
    _n_asked: int = 0
    _first_s: float = 0.0

    def __post_init__(self) -> None:
        self._progress = EvaluationProgress(
            run_id=self.run.id,
            suite=", ".join(self.run.plan["suites"]),
            readable=self.run.readable,
            n_done=self.run.n_replies,
            n_total=self.run.n_cases,
        )

    def snapshot(self) -> EvaluationProgress:
        """Return how far it is now."""
        with self._lock:
            return self._progress

    def stop(self) -> None:
        """Stop it within a token; what was answered stays."""
        self._change(is_stopping=True)
        self.cancellation.cancel()

    def work(self, engine: Future[Engine], catalog: Catalog, readable: ReadableSet) -> None:
        """Ask until the end, a stop or an error; every end shows in the snapshot."""
        try:
            from evals.circumstances import circumstances

            loaded = self._loaded(engine)
            ask = build_asker(loaded, catalog, readable, self._in_turn)
            self.run.ask_all(self._telling(ask), self._listen, circumstances(*loaded.models))
        except QuestionCancelledError:
            self._change(is_stopped=True)
        except (AssistantError, ModelError) as error:
            self._change(error=str(error))
        except OSError as error:
            self._change(error=f"the run cannot be written ({error.strerror}); check the disk")
        except Exception as error:  # noqa: BLE001 - the boundary: no run may stay without an end
            error_id = log_unexpected(_LOG, "an evaluation ended unexpectedly", error)
            self._change(error=UNEXPECTED.format(error_id))
        else:
            self._change(is_finished=True)

    def _in_turn(self, ask: Callable[[Cancellation], dict[str, Any]]) -> dict[str, Any]:
        def in_turn(attempt: Cancellation) -> dict[str, Any]:
            if not self.may_go_on():  # as of now, however long it waited
                self._change(error="what its starter may read has changed; start a new one")
                self.cancellation.cancel()
                self.cancellation.check()
            return ask(attempt)

        return behind_people(self.line, self.run.id, self.cancellation, in_turn)

    def _loaded(self, engine: Future[Engine]) -> Engine:
        """Return the engine once there is one; a stop does not wait for that."""
        may_go_on = threading.Event()
        engine.add_done_callback(lambda _: may_go_on.set())
        self.cancellation.stops(may_go_on.set)
        may_go_on.wait()
        self.cancellation.check()
        return engine.result()

    def _telling(self, ask: Asker) -> Asker:
        """Return an asker that tells what is asked."""

        def tell(case: Case) -> dict[str, Any]:
            self.cancellation.check()
            if self._n_asked == 0:
                self._first_s = time.monotonic()
            self._change(question=case.question)
            return ask(case)

        return tell

    def _listen(self, told: Progress) -> None:
        self._n_asked += 1
        each_s = (time.monotonic() - self._first_s) / self._n_asked
        self._change(
            n_done=told.n_done,
            n_failed=self._progress.n_failed + (told.error is not None),
            left_s=each_s * (told.n_total - told.n_done),
        )

    def _change(self, **values: Any) -> None:
        with self._lock:
            self._progress = replace(self._progress, **values)


class Evaluations:
    """The runs and suites of a server, and the runs that are under way. Thread-safe.

    Args:
        data_dir: Uploaded suites lie in it.
        engine: Answers, once it is there.
        catalog: Of the same corpus; runs are kept in it.
        subject: Returns what decides a reader's replies at the moment; see `ui.measuring`.
        line: Of all questions that people ask.
    """

    def __init__(
        self,
        data_dir: Path,
        engine: Future[Engine],
        catalog: Catalog,
        subject: Callable[[ReadableSet], Mapping[str, Any]],
        line: WaitingLine,
    ) -> None:
        self._data_dir = data_dir
        self._engine = engine
        self._catalog = catalog
        self.subject = subject
        self._line = line
        self._lock = threading.Lock()
        self._started: dict[str, Evaluation] = {}
        """By run, in the order of their starts; those that are done until the next start."""
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    @property
    def runs(self) -> Runs:
        """Where runs are kept."""
        return self._catalog.runs

    @cached_property
    def suites(self) -> SuiteFiles:
        """The suites that can be run, beside the shipped one."""
        return SuiteFiles(suites_root(self._data_dir))

    def snapshots(self) -> tuple[EvaluationProgress, ...]:
        """Return how far the evaluations under way are, and how the latest ones ended."""
        with self._lock:
            started = list(self._started.values())
        return tuple(one.snapshot() for one in started)

    def start(
        self,
        suite: Suite,
        readable: ReadableSet,
        *,
        sample: int | None,
        seed: int = 0,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> str:
        """Begin a run, or continue the latest stopped one that measures the same.

        Args:
            suite: What to ask.
            readable: What the run may see.
            sample: Cases drawn from it; None asks all.
            seed: Of the drawing.
            may_go_on: Asked before each question; once false, the run ends early.

        Returns:
            The run's id.

        Raises:
            EvaluationBusyError: it is under way already, or as many as may be are.
        """
        plan = Plan(suites=(suite,), subject=self.subject(readable), sample=sample, seed=seed)
        return self._launch(lambda: start_run(self.runs, plan), readable, may_go_on)

    def resume(
        self,
        run_id: str,
        readable: ReadableSet,
        *,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Continue a stopped run that sees the same.

        Raises:
            EvaluationBusyError: it is under way already, or as many as may be are.
            RunError: there is no such run, it is finished, or what it measures has changed.
        """

        def stopped() -> Run:
            run = find_run(self.runs, run_id)
            if not run.is_continuable(self.subject(readable)):
                raise RunError(
                    f"run {run_id!r} cannot be continued: it is finished, or documents, settings "
                    "or the program have changed since; start a new one"
                )
            return run

        self._launch(stopped, readable, may_go_on)

    def stop(self, run_id: str) -> None:
        """Stop a run if it is under way."""
        with self._lock:
            evaluation = self._started.get(run_id)
        if evaluation is not None:
            evaluation.stop()

    def forget(self, run_id: str) -> None:
        """Forget an evaluation if it is done, and with it why it ended."""
        with self._lock:
            evaluation = self._started.get(run_id)
            if evaluation is not None and evaluation.snapshot().is_done:
                del self._started[run_id]

    def close(self) -> None:
        """Stop what is under way, wait until it has stopped, and start nothing more."""
        with self._lock:
            self._is_closed = True
            started, threads = list(self._started.values()), list(self._threads)
        for evaluation in started:
            evaluation.stop()
        for thread in threads:
            thread.join(CLOSE_S)

    def _launch(
        self, begin: Callable[[], Run], readable: ReadableSet, may_go_on: Callable[[], bool]
    ) -> str:
        with self._lock:
            if self._is_closed:
                raise EvaluationBusyError("the server is ending; start it again first")
            under_way = {
                run_id: one for run_id, one in self._started.items() if not one.snapshot().is_done
            }
            if len(under_way) >= MOST_AT_A_TIME:
                raise EvaluationBusyError(
                    f"{MOST_AT_A_TIME} evaluations are under way; wait until one is done, or stop "
                    "one"
                )
            run = begin()
            if run.id in under_way:
                raise EvaluationBusyError(
                    "this evaluation is under way already; wait until it is done, or stop it"
                )
            evaluation = Evaluation(run, self._line, may_go_on)
            thread = threading.Thread(
                target=evaluation.work,
                args=(self._engine, self._catalog, readable),
                name="evaluation",
                daemon=True,
            )
            self._started = {**under_way, run.id: evaluation}
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
            thread.start()
            return run.id
