"""Runs: asked with what the person who starts them may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.access import Person, ReadableSet, Who
from assistant.errors import AssistantError, UnknownNameError
from assistant.reply_json import document_ids, without_documents
from assistant.store.catalog import Catalog
from assistant.store.types import AuditAction
from evals.comparison import Comparison, Flip, compare_runs
from evals.judged import JudgedCase
from evals.runs import Run, list_runs
from evals.suites import Suite
from ui.web.evaluating import EvaluationProgress, Evaluations


class OwnEvaluations:
    """The runs of a server, for the person who asks.

    Runs are seen, under way or done, by who may read what they saw; what came right tells what
    stands in a document, even where its text is left out. Whether that is so is asked at every
    call: a page may have been drawn before a grant was taken back.

    Args:
        who: Who asks, as of now.
        evaluations: The server's.
        catalog: Tells which documents may be read.
    """

    def __init__(self, who: Who, evaluations: Evaluations, catalog: Catalog) -> None:
        self._who = who
        self._evaluations = evaluations
        self._catalog = catalog

    def runs(self) -> Sequence[Run]:
        """Return the runs that saw no more than the person may read, oldest first."""
        readable = self._who().readable
        return [run for run in list_runs(self._evaluations.runs) if _sees(readable, run.readable)]

    def subject(self) -> Mapping[str, Any]:
        """Return what decides the replies at the moment."""
        return self._evaluations.subject(self._who().readable)

    def snapshots(self) -> tuple[EvaluationProgress, ...]:
        """Return how far the evaluations of this server are that the person may see; see there."""
        readable = self._who().readable
        return tuple(one for one in self._evaluations.snapshots() if _sees(readable, one.readable))

    def start(self, suite: Suite, *, sample: int | None, seed: int = 0) -> str:
        """Begin a run, or continue the latest stopped one that measures the same; see there."""
        person = self._who()
        run_id = self._evaluations.start(
            suite, person.readable, sample=sample, seed=seed, may_go_on=self._still(person)
        )
        self._catalog.audit.note(person.name, AuditAction.EVALUATED, suite.name, run=run_id)
        return run_id

    def resume(self, run_id: str) -> None:
        """Continue a stopped run; see `Evaluations.resume`."""
        person = self._who()
        self._evaluations.resume(run_id, person.readable, may_go_on=self._still(person))
        self._catalog.audit.note(person.name, AuditAction.EVALUATED, run=run_id)

    def stop(self, run_id: str) -> None:
        """Stop a run if it is under way, and the person may see it."""
        if any(one.run_id == run_id for one in self.snapshots()):
            self._evaluations.stop(run_id)

    def forget(self, run_id: str) -> None:
        """Forget an evaluation if it is done, and the person may see it, with why it ended."""
        if any(one.run_id == run_id for one in self.snapshots()):
            self._evaluations.forget(run_id)

    def readable_reply(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stored reply without what the person may not read."""
        readable = self._who().readable
        ids = document_ids(reply)
        return without_documents(reply, ids - self._catalog.readable_ids(ids, readable))

    def readable_cases(self, run: Run, cases: Iterable[JudgedCase]) -> tuple[JudgedCase, ...]:
        """Return judged cases of a run without what the person may not read of their replies.

        Raises:
            UnknownNameError: there is no such run that the person may see.
        """
        self._require(run)
        return tuple(
            replace(one, reply=None if one.reply is None else self.readable_reply(one.reply))
            for one in cases
        )

    def compare(self, left: Run, right: Run) -> Comparison:
        """Compare two runs, leaving out of the replies what the person may not read.

        Raises:
            RunError: they have no answered case in common, or one is damaged.
            UnknownNameError: there is no such run that the person may see.
        """
        self._require(left)
        self._require(right)
        comparison = compare_runs(left, right)
        return replace(
            comparison,
            suites={
                name: replace(suite, flips=tuple(map(self._readable_flip, suite.flips)))
                for name, suite in comparison.suites.items()
            },
        )

    def _readable_flip(self, flip: Flip) -> Flip:
        return replace(
            flip,
            left_reply=self.readable_reply(flip.left_reply),
            right_reply=self.readable_reply(flip.right_reply),
        )

    def _require(self, run: Run) -> None:
        if not _sees(self._who().readable, run.readable):
            raise UnknownNameError(f"there is no run {run.id!r}; reload the page")

    def _still(self, person: Person) -> Callable[[], bool]:
        """Return what tells whether this person may still read the same, and evaluate."""

        def may_go_on() -> bool:
            try:
                return self._who().readable == person.readable
            except AssistantError:  # signed out, or of another role
                return False

        return may_go_on


def _sees(readable: ReadableSet, fingerprint: str | None) -> bool:
    """Tell whether who may read this may see what was asked with that fingerprint's rights."""
    return readable.everything or fingerprint == readable.fingerprint
