"""Choose the fastest weight file for this machine: predict, make what is promising, measure it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from models.catalog import ModelEntry, Task
from models.errors import ModelFileError, ModelFitError
from models.files import (
    FileState,
    Progress,
    check_files,
    no_progress,
    require_weights,
    sha256_of,
    sync,
)
from models.fitting.messages import (
    Miniatures,
    Order,
    Reply,
    TryOrder,
    trial_from_json,
    trial_to_json,
)
from models.fitting.miniature import choose_depths, write_miniature
from models.fitting.recipes import RECIPES, Plan, plan
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
from models.fitting.trial import Trial, is_faster, refusal, too_slow
from models.gguf import Header, read_header
from models.llama.ending import how_it_ended
from models.llama.environment import computing_environment
from models.processors import physical_cores, this_processor
from models.staging import PARTIAL, hold_lock

PROMPT_TOKENS = 192
REPLY_TOKENS = 16
ROUNDS = 3
PREDICTION_PROMPT_TOKENS = 64
PREDICTION_REPLY_TOKENS = 8
PREDICTION_ROUNDS = 4
CLEARLY_FASTER = 1.03
"""By how much a later candidate must beat an earlier one, which changes the model less."""

COMMAND = (sys.executable, "-P", "-m", "models.llama.fitting_process")

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
    if disagrees(record, sha256) is not None or not record.was_measured:
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
        def tell(message: str) -> None:
            on_progress(done_bytes=0, total_bytes=0, message=message)

        header = read_header(self._original)
        plans = _plans(header)
        attempts = self._predicted(header, plans, tell) if plans else {}
        chosen: str | None = None
        while chosen is None and (name := _most_promising(attempts)) is not None:
            attempts[name] = self._attempt(attempts[name], plans[name], tell)
            if attempts[name].refusal is None:
                chosen = name
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
            fitted=None if chosen is None else self._install(chosen),
            recipe=chosen,
            attempts=tuple(_left_out(attempt, chosen) for attempt in attempts.values()),
        )
        write_record(record_at, record)
        _remove_unused(self._original.parent)
        return record

    def _predicted(self, header: Header, plans: dict[str, Plan], tell: Tell) -> dict[str, Attempt]:
        """Predict what each candidate gains; those that may be worth it have no refusal yet."""
        try:
            trials = self._predict(header, plans, tell)
        except (_TrialFailedError, ModelFileError) as error:
            why = f"its speed could not be predicted: {error}"
            return {
                name: Attempt(recipe=name, refusal=why, predicted=None, figures=None)
                for name in plans
            }
        return {
            name: Attempt(
                recipe=name,
                refusal=None if is_faster(trial) else f"{too_slow(trial)} (predicted)",
                predicted=trial_to_json(trial),
                figures=None,
            )
            for name, trial in zip(plans, trials, strict=True)
        }

    def _predict(self, header: Header, plans: dict[str, Plan], tell: Tell) -> list[Trial]:
        depths = choose_depths(header.tensors)
        files: list[Miniatures] = []
        types_by_name: dict[str, dict[str, int]] = {"": {}}
        types_by_name |= {name: made.types(header.tensors) for name, made in plans.items()}
        for name, types in types_by_name.items():
            shallow, deep = (
                self._scratch / f"{name or 'original'}-{depth}.gguf"
                for depth in ("shallow", "deep")
            )
            write_miniature(shallow, header, depths.shallow, types)
            write_miniature(deep, header, depths.deep, types)
            files.append({"recipe": name, "shallow": str(shallow), "deep": str(deep)})
        trials = _in_child(
            {
                "type": "predict",
                "files": files,
                "n_shallow": len(depths.shallow),
                "n_deep": len(depths.deep),
                "n_layers": depths.n_layers,
                "threads": self._threads,
                "prompt_tokens": PREDICTION_PROMPT_TOKENS,
                "reply_tokens": PREDICTION_REPLY_TOKENS,
                "rounds": PREDICTION_ROUNDS,
            },
            tell,
        )
        for one in files:  # their pages are wanted for the whole files
            Path(one["shallow"]).unlink()
            Path(one["deep"]).unlink()
        return trials

    def _require_space(self) -> None:
        needed = self._original.stat().st_size + _RESERVE_BYTES
        free = shutil.disk_usage(self._scratch).free
        if free < needed:
            raise ModelFitError(
                f"cannot fit {self._model.name!r}: it needs {needed:,} bytes of disk while a "
                f"candidate is tried, {str(self._scratch.parents[1])!r} has {free:,} free; free "
                f"some space and run `plinth models fit {self._model.name}`"
            )

    def _attempt(self, predicted: Attempt, its_plan: Plan, tell: Tell) -> Attempt:
        """Make a candidate and try it; the file stays only if it may be used."""
        self._require_space()
        path = self._candidate(predicted.recipe)
        order: TryOrder = {
            "type": "try",
            "original": str(self._original),
            "candidate": str(path),
            "recipe": predicted.recipe,
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
            (trial,) = _in_child(order, tell)
        except _TrialFailedError as error:
            changes: dict[str, Any] = {"refusal": str(error)}
        else:
            changes = {"refusal": refusal(trial), "figures": trial_to_json(trial)}
        if changes["refusal"] is not None:
            path.unlink(missing_ok=True)
        return predicted.model_copy(update=changes)

    def _candidate(self, recipe: str) -> Path:
        return self._scratch / f"{recipe}.gguf"

    def _install(self, recipe: str) -> StoredFile:
        """Move the file to its place under a name that no other content has."""
        candidate = self._candidate(recipe)
        sha256 = sha256_of(candidate)
        target = self._original.with_name(f"{PREFIX}{recipe}-{sha256[:12]}.gguf")
        sync(candidate)
        candidate.replace(target)
        sync(target.parent)
        return StoredFile(path=target.name, bytes=target.stat().st_size, sha256=sha256)


def _plans(header: Header) -> dict[str, Plan]:
    """Return by recipe what can be made, each file once."""
    found: dict[str, Plan] = {}
    for recipe in RECIPES:
        made = plan(recipe, header.tensors)
        if made is not None and made not in found.values():
            found[recipe.name] = made
    return found


def _most_promising(attempts: Mapping[str, Attempt]) -> str | None:
    """Return the recipe to be tried next: none that may be worth it is clearly faster."""
    gains = {
        name: trial_from_json(attempt.predicted).speedup
        for name, attempt in attempts.items()
        if attempt.refusal is None and attempt.predicted is not None
    }
    most = max(gains.values(), default=0.0)
    return next((name for name, gain in gains.items() if gain * CLEARLY_FASTER >= most), None)


def _left_out(attempt: Attempt, chosen: str | None) -> Attempt:
    """Say of a candidate that need not be made any more why it is not used."""
    if attempt.refusal is not None or attempt.recipe == chosen:
        return attempt
    return attempt.model_copy(
        update={"refusal": f"not made: predicted to gain no more than {chosen}"}
    )


def _in_child(order: Order, tell: Tell) -> list[Trial]:
    """Have a process carry out the order; it ends before this returns, whatever happens."""
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=computing_environment(),
        )
        try:
            with child:
                return _converse(child, order, tell)
        except (BrokenPipeError, EOFError):
            raise _TrialFailedError(_last_words(child, stderr)) from None


def _converse(child: subprocess.Popen[bytes], order: Order, tell: Tell) -> list[Trial]:
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
                    return [trial_from_json(trial) for trial in reply["trials"]]
                case "failed":
                    raise _TrialFailedError(reply["message"])
        raise EOFError
    finally:
        child.kill()  # has ended, unless we are interrupted


def _last_words(child: subprocess.Popen[bytes], stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read().decode("utf-8", errors="replace").split("\n")
    said = "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))[-500:]
    return f"its process ended with {how_it_ended(child.returncode)}: {said or 'it said nothing'}"


def _remove_unused(folder: Path) -> None:
    """Remove fitted files that no record names any more."""
    records = [read_record(path) for path in folder.glob(f"{PREFIX}*.json")]
    used = {record.fitted.path for record in records if record is not None and record.fitted}
    for path in folder.glob(f"{PREFIX}*.gguf"):
        if path.name not in used:
            path.unlink(missing_ok=True)
