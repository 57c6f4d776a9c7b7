"""Choose the fastest weight file for this machine: make candidates, measure, keep the best."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from models.catalog import ModelEntry, Task
from models.errors import ModelFitError
from models.files import (
    FileState,
    Progress,
    check_files,
    no_progress,
    require_weights,
    sha256_of,
    sync,
)
from models.fitting.messages import Order, Reply, trial_from_json
from models.fitting.recipes import RECIPES, Plan, Recipe, plan
from models.fitting.record import (
    PREFIX,
    Attempt,
    Record,
    StoredFile,
    disagrees,
    library_build,
    only_fitted,
    read_record,
    record_path,
    rules_in_force,
    write_record,
)
from models.fitting.texts import load_texts
from models.fitting.trial import Trial, refusal
from models.gguf import read_tensors
from models.processors import physical_cores, this_processor
from models.staging import PARTIAL, hold_lock

PROMPT_TOKENS = 512
REPLY_TOKENS = 16
ROUNDS = 3
CLEARLY_FASTER = 1.03
"""By how much a later candidate must beat an earlier one, which changes the model less."""

COMMAND = (sys.executable, "-P", "-m", "models.llama.fitting_process")

_PROJECT = Path(__file__).resolve().parents[2]
_COPIES = 2
"""Most candidates on the disk at a time: the best so far and the one being tried."""
_RESERVE_BYTES = 64 * 2**20

Tell = Callable[[str], None]


class _TrialFailedError(Exception):
    """A candidate could not be made or run; the message says why."""


def fit(
    model: ModelEntry,
    models_dir: Path,
    *,
    threads: int = 0,
    again: bool = False,
    on_progress: Progress = no_progress,
) -> Record:
    """Find out which file is the fastest here, and put it beside the original, with a record.

    The original is never touched. May be killed at any point and repeated: file and record appear
    by one rename each, the record last, and what a killed run left behind is removed by the next.
    A second fit or pull of the same model waits for the first.

    Args:
        model: A generator whose weights are in place.
        models_dir: The models folder.
        threads: 0: one for each physical core.
        again: Measure even if there is a record that still holds.
        on_progress: Told what is being done.

    Raises:
        ModelFileError: the original is missing or damaged.
        ModelFitError: the disk is too full or cannot be written, or the model is no generator.
    """
    if model.task is not Task.GENERATE:
        raise ModelFitError(f"cannot fit {model.name!r}: only generators are fitted to a processor")
    original, sha256 = require_weights(model, models_dir)
    lock = models_dir / PARTIAL / f"{model.name}.lock"
    try:
        with hold_lock(lock, on_progress):
            record = read_record(record_path(model, models_dir))
            if record is not None and not again and _still_holds(model, record, sha256, models_dir):
                return record
            # No model is named so: names begin with a letter or digit.
            with _scratch(models_dir / PARTIAL / f".fit-{model.name}") as scratch:
                fitter = _Fitter(model, original, sha256, scratch, threads or physical_cores())
                return fitter.run(record_path(model, models_dir), on_progress)
    except OSError as error:
        raise ModelFitError(
            f"cannot fit {model.name!r}: {error.strerror or error} "
            f"({str(error.filename or models_dir)!r}); free space or check rights, and run "
            f"`plinth models fit {model.name}`"
        ) from error


def _still_holds(model: ModelEntry, record: Record, sha256: str, models_dir: Path) -> bool:
    if disagrees(record, sha256) is not None:
        return False
    if record.fitted is None:
        return True
    (check,) = check_files(only_fitted(model, record.fitted), models_dir)
    return check.state is FileState.OK


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)  # of a killed run
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Fitter:
    def __init__(
        self, model: ModelEntry, original: Path, sha256: str, scratch: Path, threads: int
    ) -> None:
        self._model = model
        self._original = original
        self._sha256 = sha256
        self._scratch = scratch
        self._threads = threads

    def run(self, record_at: Path, on_progress: Progress) -> Record:
        plans = self._plans()
        self._require_space(n_copies=min(_COPIES, len(plans)))
        attempts: list[Attempt] = []
        best: tuple[float, Recipe, Path] | None = None
        for number, (recipe, its_plan) in enumerate(plans, 1):
            path = self._scratch / f"{recipe.name}.gguf"
            prefix = f"candidate {number} of {len(plans)}: "

            def tell(message: str, prefix: str = prefix) -> None:
                on_progress(done_bytes=0, total_bytes=0, message=prefix + message)

            if any(done.recipe in recipe.unless and done.refusal is None for done in attempts):
                continue
            attempt, trial = self._attempt(recipe, its_plan, path, tell)
            attempts.append(attempt)
            is_best = trial is not None and (
                best is None or trial.speedup > best[0] * CLEARLY_FASTER
            )
            loser: Path | None = path
            if trial is not None and is_best:
                loser = best[2] if best is not None else None
                best = (trial.speedup, recipe, path)
            if loser is not None:
                loser.unlink(missing_ok=True)
        fitted = self._install(best[1], best[2]) if best is not None else None
        record = Record(
            processor=this_processor().name,
            processor_key=this_processor().key,
            build=library_build(),
            rules=rules_in_force(),
            threads=self._threads,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            original=StoredFile(
                path=self._original.name,
                bytes=self._original.stat().st_size,
                sha256=self._sha256,
            ),
            fitted=fitted,
            recipe=best[1].name if best is not None else None,
            attempts=tuple(attempts),
        )
        write_record(record_at, record)
        _remove_unused(self._original.parent)
        return record

    def _plans(self) -> list[tuple[Recipe, Plan]]:
        tensors = read_tensors(self._original)
        found: list[tuple[Recipe, Plan]] = []
        for recipe in RECIPES:
            made = plan(recipe, tensors)
            if made is not None and made not in [other for _, other in found]:
                found.append((recipe, made))
        return found

    def _require_space(self, n_copies: int) -> None:
        needed = n_copies * self._original.stat().st_size + _RESERVE_BYTES
        free = shutil.disk_usage(self._scratch).free
        if n_copies and free < needed:
            raise ModelFitError(
                f"cannot fit {self._model.name!r}: it needs {needed:,} bytes of disk while "
                f"candidates are tried, {str(self._scratch.parents[1])!r} has {free:,} free; free "
                f"some space and run `plinth models fit {self._model.name}`"
            )

    def _attempt(
        self, recipe: Recipe, its_plan: Plan, path: Path, tell: Tell
    ) -> tuple[Attempt, Trial | None]:
        """Try a candidate; the trial is returned only if it may be used."""
        order: Order = {
            "original": str(self._original),
            "candidate": str(path),
            "recipe": recipe.name,
            "overrides": list(its_plan.overrides),
            "output_type": its_plan.output_type,
            "embedding_type": its_plan.embedding_type,
            "prompt_format": str(self._model.prompt_format),
            "threads": self._threads,
            "prompt_tokens": PROMPT_TOKENS,
            "reply_tokens": REPLY_TOKENS,
            "rounds": ROUNDS,
            "texts": load_texts(),
        }
        try:
            done = _in_child(order, tell)
        except _TrialFailedError as error:
            return Attempt(recipe=recipe.name, refusal=str(error), figures=None), None
        trial = trial_from_json(done)
        why_not = refusal(trial)
        attempt = Attempt(recipe=recipe.name, refusal=why_not, figures=done)
        return attempt, trial if why_not is None else None

    def _install(self, recipe: Recipe, candidate: Path) -> StoredFile:
        """Move the file to its place under a name that no other content has."""
        sha256 = sha256_of(candidate)
        target = self._original.with_name(f"{PREFIX}{recipe.name}-{sha256[:12]}.gguf")
        sync(candidate)
        candidate.replace(target)
        sync(target.parent)
        return StoredFile(path=target.name, bytes=target.stat().st_size, sha256=sha256)


def _in_child(order: Order, tell: Tell) -> dict[str, Any]:
    """Have a process carry out the order; it ends before this returns, whatever happens."""
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            # Spinning threads starve one another as soon as something else computes too.
            env={"OMP_WAIT_POLICY": "PASSIVE"}
            | dict(os.environ)
            | {"PYTHONPATH": str(_PROJECT), "GGML_NO_BACKTRACE": "1"},
        )
        try:
            with child:
                return _converse(child, order, tell)
        except (BrokenPipeError, EOFError):
            raise _TrialFailedError(_last_words(child, stderr)) from None


def _converse(child: subprocess.Popen[bytes], order: Order, tell: Tell) -> dict[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise ValueError("the process was started without pipes")
    try:
        child.stdin.write(json.dumps(order).encode("ascii") + b"\n")
        child.stdin.flush()
        for line in child.stdout:
            if not line.endswith(b"\n"):  # killed while it wrote
                break
            reply: Reply = json.loads(line)
            match reply["type"]:
                case "progress":
                    tell(reply["message"])
                case "done":
                    return reply["trial"]
                case "failed":
                    raise _TrialFailedError(reply["message"])
        raise EOFError
    finally:
        child.kill()  # has ended, unless we are interrupted


def _last_words(child: subprocess.Popen[bytes], stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read().decode("utf-8", errors="replace").split("\n")
    said = "; ".join(line.strip() for line in lines if line.strip())[-500:]
    return f"its process ended with {child.returncode}: {said or 'it said nothing'}"


def _remove_unused(folder: Path) -> None:
    """Remove fitted files that no record names any more."""
    records = [read_record(path) for path in folder.glob(f"{PREFIX}*.json")]
    used = {record.fitted.path for record in records if record is not None and record.fitted}
    for path in folder.glob(f"{PREFIX}*.gguf"):
        if path.name not in used:
            path.unlink(missing_ok=True)
