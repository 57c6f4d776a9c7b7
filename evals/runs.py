"""Runs of suites: every reply is kept as it comes, and a stopped run continues.

A run is a folder. `run.json` says what was measured; `suites/` holds the cases asked and
`answers/` the replies to them, one line each, in the public forms, so that a run can be scored
again by anything that reads those; `errors.jsonl` holds what went wrong.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import QuestionCancelledError
from assistant.inert import json_text
from assistant.store.evaluated import ANSWERS, ERRORS, LOCK
from assistant.store.lock import ProcessLock
from evals.errors import RunError, SuiteError
from evals.suites import INDEX, Case, Suite, case_to_json, load_suite

Asker = Callable[[Case], dict[str, Any]]
"""Asks a case and returns the reply as `plinth ask --json` prints it."""

_RECORD = "run.json"
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
    """One run, as far as it is."""

    folder: Path
    plan: Mapping[str, Any]
    """`Plan.to_json`."""
    started: str
    """ISO 8601, UTC."""
    finished: str | None = None
    """None: stopped before its end; it can be continued."""

    @property
    def id(self) -> str:
        """The run's name: when it started, and chance."""
        return self.folder.name

    @property
    def n_cases(self) -> int:
        """Cases that are asked, all suites together; counts lines, so it is quick."""
        return sum(_count_lines(path) for path in (self.folder / "suites").glob("*.jsonl"))

    @property
    def n_replies(self) -> int:
        """Cases that have a reply; as quick."""
        return sum(_count_lines(path) for path in (self.folder / ANSWERS).glob("*.jsonl"))

    @property
    def state(self) -> Hashable:
        """What differs as soon as a reply or an error came, or the run was finished."""
        files = (*sorted((self.folder / ANSWERS).glob("*.jsonl")), self._errors)
        marks = [path.stat() for path in files if path.exists()]
        return self.finished, *((mark.st_size, mark.st_mtime_ns) for mark in marks)

    def is_continuable(self, subject: Mapping[str, Any]) -> bool:
        """Tell whether it was stopped and what it measures is still `subject`."""
        same: bool = self.plan["subject"] == json.loads(json.dumps(dict(subject)))
        return self.finished is None and same

    def suites(self) -> tuple[Suite, ...]:
        """Return the suites with the cases that are asked, by name."""
        return tuple(load_suite(path) for path in sorted((self.folder / "suites").glob("*.jsonl")))

    def replies(self, suite: str) -> dict[str, dict[str, Any]]:
        """Return the replies of a suite by case id."""
        return {reply["id"]: reply for reply in _read_lines(self._answers(suite))}

    def errors(self, suite: str) -> dict[str, str]:
        """Return what went wrong, by the id of a case that has no reply."""
        answered = self.replies(suite)
        return {
            line["id"]: line["error"]
            for line in _read_lines(self._errors)
            if line["suite"] == suite and line["id"] not in answered
        }

    def ask_all(self, ask: Asker, progress: Callable[[Progress], None]) -> Run:
        """Ask every case that has no reply yet, and return the finished run.

        A case that raises is recorded with its error and the run goes on. Replies written before
        an interruption at any point are kept.

        Raises:
            QuestionCancelledError: a question was cancelled; the run is stopped, to be continued.
            WriterBusyError: the run is under way already.
        """
        with ProcessLock(self.folder / LOCK, wait_s=0):
            return self._ask_all(ask, progress)

    def _ask_all(self, ask: Asker, progress: Callable[[Progress], None]) -> Run:
        (self.folder / ANSWERS).mkdir(exist_ok=True)
        _drop_cut_line(self._errors)
        suites = self.suites()
        n_total = sum(len(suite.cases) for suite in suites)
        n_done = 0
        for suite in suites:
            _drop_cut_line(self._answers(suite.name))
            answered = self.replies(suite.name)
            n_done += len(answered)
            for case in suite.cases:
                if case.id in answered:
                    continue
                error = self._ask_one(suite.name, case, ask)
                n_done += 1
                progress(Progress(suite=suite.name, n_done=n_done, n_total=n_total, error=error))
        finished = replace(self, finished=_now())
        finished._write_record()
        return finished

    def _ask_one(self, suite: str, case: Case, ask: Asker) -> str | None:
        try:
            reply = ask(case)
        except QuestionCancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - one case's failure must not end the run
            _log.warning("case %r of %r failed", case.id, suite, exc_info=error)
            message = f"{type(error).__name__}: {error}"
            _append(self._errors, {"suite": suite, "id": case.id, "error": message})
            return message
        _append(self._answers(suite), reply | {"id": case.id})
        return None

    def _answers(self, suite: str) -> Path:
        return self.folder / ANSWERS / f"{suite}.jsonl"

    @property
    def _errors(self) -> Path:
        return self.folder / ERRORS

    def _write_record(self) -> None:
        record = {"plan": self.plan, "started": self.started, "finished": self.finished}
        write_text(self.folder / _RECORD, json_text(record, indent=2) + "\n")


def start_run(root: Path, plan: Plan) -> Run:
    """Continue the latest unfinished run of an equal plan, else begin one.

    Args:
        root: Folder of all runs; made if missing.
        plan: What to measure.

    Raises:
        SuiteError: two suites have the same name.
    """
    names = [suite.name for suite in plan.suites]
    if len(set(names)) < len(names):
        raise SuiteError(
            f"suites {names} do not have distinct names; run or rename them one by one"
        )
    # Through JSON, so that it equals what was read from a record.
    wanted = json.loads(json.dumps(plan.to_json()))
    for run in reversed(list_runs(root)):
        if run.finished is None and run.plan == wanted:
            return run
    return _begin(root, plan, wanted)


def list_runs(root: Path) -> tuple[Run, ...]:
    """Return the runs under `root`, oldest first."""
    records = sorted(root.glob(f"*/{_RECORD}")) if root.is_dir() else []
    return tuple(_read_run(path.parent) for path in records if not path.parent.name.startswith("."))


def find_run(root: Path, run_id: str) -> Run:
    """Return a run by its id, or by a beginning of it that no other has.

    Raises:
        RunError: no run, or several, are named so.
    """
    runs = list_runs(root)
    found = [run for run in runs if run.id.startswith(run_id)]
    if len(found) != 1:
        known = ", ".join(run.id for run in found or runs) or "none yet"
        problem = "several runs begin with" if found else "no run is named"
        raise RunError(f"{problem} {run_id!r}; give one of: {known}")
    return found[0]


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: readers see the old content or the new."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)


def _begin(root: Path, plan: Plan, record: Mapping[str, Any]) -> Run:
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    staged = root / f".{run_id}"
    suites = staged / "suites"
    suites.mkdir(parents=True)
    try:
        tolerances: dict[str, Any] = {}
        for suite in plan.drawn():
            lines = (json_text(case_to_json(c)) + "\n" for c in suite.cases)
            write_text(suites / f"{suite.name}.jsonl", "".join(lines))
            tolerances[suite.name] = {"page_tolerance": suite.page_tolerance}
        write_text(suites / INDEX, json_text(tolerances, indent=2) + "\n")
        run = Run(folder=staged, plan=record, started=_now())
        run._write_record()
        return replace(run, folder=staged.rename(root / run_id))
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _read_run(folder: Path) -> Run:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return Run(
            folder=folder,
            plan=record["plan"],
            started=record["started"],
            finished=record["finished"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{str(folder / _RECORD)!r} is not the record of a run ({error}); remove the folder"
        ) from error


def _append(path: Path, value: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json_text(value) + "\n")


def _drop_cut_line(path: Path) -> None:
    """Remove what stands after the last line feed: a line that a crash cut off."""
    if path.exists():
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _read_lines(path: Path) -> Sequence[dict[str, Any]]:
    if not path.exists():
        return ()
    *whole, _ = path.read_text(encoding="utf-8").split("\n")
    try:
        return [json.loads(line) for line in whole]
    except ValueError as error:
        raise RunError(f"{str(path)!r} is damaged ({error}); remove its run's folder") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
