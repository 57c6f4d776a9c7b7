"""Runs of suites: every reply is kept as it comes, and a stopped run continues.

A run lies in the catalog: what it measures, the cases asked, and what came of each. A reply is
durable before the next case is asked, so a process that is killed loses the one in hand at most.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.errors import QuestionCancelledError
from assistant.store.runs import Runs, StoredRun, StoredSuite
from evals.errors import RunError, SuiteError
from evals.suites import Case, Suite, case_from_json, case_to_json

Asker = Callable[[Case], dict[str, Any]]
"""Asks a case and returns the reply as `plinth ask --json` prints it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run measures: equal plans give comparable, and continuable, runs."""

    suites: tuple[Suite, ...]
    """As loaded, names distinct."""
    subject: Mapping[str, Any]
    """JSON: everything that decides the replies (settings, index generation, program version)."""
    tag: str | None = None
    """Only cases with this tag are asked; None asks all."""
    sample: int | None = None
    """Cases drawn from each suite, of those with the tag; None asks all."""
    seed: int = 0
    """Of the drawing."""

    def drawn(self) -> tuple[Suite, ...]:
        """Return the suites with the cases that are asked.

        Raises:
            SuiteError: a suite has no case with the tag.
        """
        suites = self.suites
        if self.tag is not None:
            suites = tuple(suite.tagged(self.tag) for suite in suites)
        if self.sample is not None:
            suites = tuple(suite.sample(self.sample, self.seed) for suite in suites)
        return suites

    def to_json(self) -> dict[str, Any]:
        """Return what two runs must share to be the same measurement."""
        return {
            "suites": {suite.name: suite.sha256 for suite in self.suites},
            "sample": self.sample,
            "seed": self.seed,
            "subject": dict(self.subject),
        } | self._named()

    def _named(self) -> dict[str, Any]:
        """Return what stands in a plan only where there is something to say."""
        versions = {one.name: one.version for one in self.suites if one.version is not None}
        named = {"tag": self.tag, "versions": versions}
        return {key: value for key, value in named.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    suite: str
    n_done: int
    """Cases asked so far, those of an earlier start included."""
    n_total: int
    error: str | None
    """What the last case ended with; None after a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, as far as it is. Usable as long as its catalog is open."""

    id: str
    """The run's name: when it started, and chance."""
    plan: Mapping[str, Any]
    """`Plan.to_json`."""
    started: str
    """ISO 8601, UTC."""
    finished: str | None = None
    """None: stopped before its end; it can be continued."""
    starts: tuple[Mapping[str, Any], ...] = ()
    """When and under which circumstances it was asked, each time."""
    properties: tuple[Mapping[str, Any], ...] = ()
    """Of each suite, its name among them."""
    store: Runs = field(repr=False, compare=False)

    @property
    def readable(self) -> str | None:
        """Fingerprint of what its questions were answered from; None: not known."""
        found: str | None = self.plan["subject"].get("readable")
        return found

    @property
    def n_cases(self) -> int:
        """Cases that are asked, all suites together."""
        return self.store.counts(self.id).n_cases

    @property
    def n_replies(self) -> int:
        """Cases that have a reply."""
        return self.store.counts(self.id).n_replies

    @property
    def state(self) -> Hashable:
        """What differs as soon as a reply or an error came or went, or the run was finished."""
        return self.store.counts(self.id).n_changes

    def is_continuable(self, subject: Mapping[str, Any]) -> bool:
        """Tell whether it was stopped and what it measures is still `subject`."""
        same: bool = self.plan["subject"] == json.loads(json.dumps(dict(subject)))
        return self.finished is None and same

    def suites(self) -> tuple[Suite, ...]:
        """Return the suites with the cases that are asked, by name.

        Raises:
            SuiteError: a case is none.
        """
        return tuple(
            Suite(
                name=properties["name"],
                sha256=self.plan["suites"].get(properties["name"], ""),
                cases=tuple(
                    case_from_json(one.case, f"run {self.id}")
                    for one in self.store.cases(self.id, index)
                ),
                page_tolerance=properties["page_tolerance"],
            )
            for index, properties in enumerate(self.properties)
        )

    def replies(self, suite: str) -> dict[str, dict[str, Any]]:
        """Return the replies of a suite by case id."""
        cases = self.store.cases(self.id, self._index(suite))
        return {one.case["id"]: one.reply for one in cases if one.reply is not None}

    def errors(self, suite: str) -> dict[str, str]:
        """Return what went wrong, by the id of a case that has no reply."""
        cases = self.store.cases(self.id, self._index(suite))
        return {one.case["id"]: one.error for one in cases if one.error is not None}

    def ask_all(
        self,
        ask: Asker,
        progress: Callable[[Progress], None],
        circumstances: Mapping[str, Any] | None = None,
    ) -> Run:
        """Ask every case that has no reply yet, and return the finished run.

        A case that raises is recorded with its error and the run goes on. Replies kept before an
        interruption at any point stay.

        Args:
            ask: Answers a case.
            progress: Told after each.
            circumstances: JSON: what else is to be recorded of this start.

        Raises:
            QuestionCancelledError: a question was cancelled; the run is stopped, to be continued.
            WriterBusyError: the run is under way already.
            StoreError: a reply cannot be kept.
        """
        with self.store.under_way(self.id):
            return self._ask_all(ask, progress, circumstances or {})

    def _ask_all(
        self, ask: Asker, progress: Callable[[Progress], None], circumstances: Mapping[str, Any]
    ) -> Run:
        self.store.note_start(self.id, circumstances)
        counts = self.store.counts(self.id)
        n_done = counts.n_replies
        for index, properties in enumerate(self.properties):
            for position, value in self.store.unanswered(self.id, index):
                error = self._ask_one(position, case_from_json(value, f"run {self.id}"), ask)
                n_done += 1
                progress(
                    Progress(
                        suite=properties["name"],
                        n_done=n_done,
                        n_total=counts.n_cases,
                        error=error,
                    )
                )
        return _run(self.store, self.store.finish(self.id))

    def _ask_one(self, position: int, case: Case, ask: Asker) -> str | None:
        try:
            reply = ask(case)
        except QuestionCancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - one case's failure must not end the run
            _log.warning("case %r of run %r failed", case.id, self.id, exc_info=error)
            message = f"{type(error).__name__}: {error}"
            self.store.keep_error(self.id, position, message)
            return message
        return self.store.keep_reply(self.id, position, reply | {"id": case.id})

    def _index(self, suite: str) -> int:
        return [properties["name"] for properties in self.properties].index(suite)


def start_run(store: Runs, plan: Plan) -> Run:
    """Continue the latest unfinished run of an equal plan, else begin one.

    Args:
        store: Of all runs.
        plan: What to measure.

    Raises:
        SuiteError: two suites have the same name.
    """
    names = [suite.name for suite in plan.suites]
    if len(set(names)) < len(names):
        raise SuiteError(
            f"suites {names} do not have distinct names; run or rename them one by one"
        )
    suites = [
        StoredSuite(
            properties={"name": suite.name, "page_tolerance": suite.page_tolerance},
            cases=[case_to_json(case) for case in suite.cases],
        )
        for suite in sorted(plan.drawn(), key=lambda suite: suite.name)
    ]
    # Through JSON, so that it equals what is read from the catalog.
    return _run(store, store.begin(json.loads(json.dumps(plan.to_json())), suites))


def list_runs(store: Runs) -> tuple[Run, ...]:
    """Return all runs, oldest first."""
    return tuple(_run(store, one) for one in store.list())


def find_run(store: Runs, run_id: str) -> Run:
    """Return a run by its id, or by a beginning of it that no other has.

    Raises:
        RunError: no run, or several, are named so.
    """
    runs = list_runs(store)
    found = [run for run in runs if run.id.startswith(run_id)]
    if len(found) != 1:
        known = ", ".join(run.id for run in found or runs) or "none yet"
        problem = "several runs begin with" if found else "no run is named"
        raise RunError(f"{problem} {run_id!r}; give one of: {known}")
    return found[0]


def _run(store: Runs, stored: StoredRun) -> Run:
    return Run(
        id=stored.run_id,
        plan=stored.plan,
        started=stored.started,
        finished=stored.finished,
        starts=stored.starts,
        properties=stored.suites,
        store=store,
    )
