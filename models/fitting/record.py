"""What a fit found, kept beside the weights, and which file is in use because of it.

`<models folder>/<model>/fitted-<processor>.json`: machines of different kinds that share a models
folder do not disturb one another.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.catalog import ModelEntry, ModelFile, RelativePath, Sha256, Task
from models.files import FileState, check_files, require_weights, write_atomically
from models.fitting.messages import trial_from_json
from models.fitting.recipes import VERSION
from models.fitting.texts import load_texts
from models.fitting.trial import (
    MAX_MEAN_KL,
    MIN_SURE_AGREEMENT,
    SLOWEST_PART,
    TYPICAL_PROMPT_TOKENS,
    TYPICAL_REPLY_TOKENS,
    WORTHWHILE_SPEEDUP,
    Trial,
)
from models.processors import this_processor

PREFIX = "fitted-"
_LIBRARY = "*ggml-cpu*"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredFile(_Stored):
    """A weight file, named relative to the model's folder."""

    path: RelativePath
    bytes: int
    sha256: Sha256


class Attempt(_Stored):
    """One candidate that was tried."""

    recipe: str
    refusal: str | None
    """Why it is not used; None: it was good enough."""
    predicted: dict[str, Any] | None
    """`trial_to_json`, extrapolated from miniatures; None where those could not be run."""
    figures: dict[str, Any] | None
    """`trial_to_json`, measured; None where it was not made or could not be run."""

    def trial(self) -> Trial | None:
        """Return what was measured as values."""
        return None if self.figures is None else trial_from_json(self.figures)


class Record(_Stored):
    """The outcome of a fit."""

    processor: str
    processor_key: str
    build: str
    """Of llama.cpp."""
    rules: str
    """`rules_in_force` at the time."""
    threads: int
    made_at: str
    """ISO 8601, UTC."""
    original: StoredFile
    fitted: StoredFile | None
    """None: the original is the best there is."""
    recipe: str | None
    """The one that `fitted` was made by."""
    attempts: tuple[Attempt, ...]

    @property
    def was_measured(self) -> bool:
        """Whether the candidates' speeds were found out; else each attempt says why not."""
        return not self.attempts or any(one.predicted is not None for one in self.attempts)

    def trial(self) -> Trial | None:
        """Return the figures of the fitted file."""
        for attempt in self.attempts:
            if attempt.recipe == self.recipe:
                return attempt.trial()
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInUse:
    """The weight file that a generator loads, and why this one."""

    path: Path
    sha256: str
    is_fitted: bool
    reason: str
    """For people; names the command that changes it, where one does."""


def record_path(model: ModelEntry, models_dir: Path) -> Path:
    """Return where the record of this machine's processor lies, whether or not it exists."""
    return models_dir / model.name / f"{PREFIX}{this_processor().key}.json"


def read_record(path: Path) -> Record | None:
    """Return a record; None where there is none that can be read: then the original is used."""
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Replace the record atomically."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_atomically(path, text + "\n")


def library_build() -> str:
    """Return what identifies the installed llama.cpp, compiled as it is, without loading it."""
    release = version("llama-cpp-python")
    spec = find_spec("llama_cpp")
    folders = spec.submodule_search_locations if spec is not None else None
    libraries = sorted(path for folder in folders or () for path in Path(folder).rglob(_LIBRARY))
    if not libraries:
        return release
    return f"{release} {hashlib.sha256(libraries[0].read_bytes()).hexdigest()[:12]}"


@cache
def rules_in_force() -> str:
    """Return what identifies recipes, bounds and texts: a file chosen by others proves nothing."""
    speeds = (WORTHWHILE_SPEEDUP, SLOWEST_PART, TYPICAL_PROMPT_TOKENS, TYPICAL_REPLY_TOKENS)
    rules = (VERSION, speeds, MAX_MEAN_KL, MIN_SURE_AGREEMENT, load_texts())
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def file_in_use(model: ModelEntry, models_dir: Path, *, use_fitted: bool) -> FileInUse:
    """Return the weight file to load: the fitted one where everything agrees, else the original.

    Args:
        model: The model.
        models_dir: The models folder.
        use_fitted: Whether the settings allow a fitted file.

    Raises:
        ModelFileError: the original is missing or damaged.
    """
    original, sha256 = require_weights(model, models_dir)

    def keep(reason: str) -> FileInUse:
        return FileInUse(path=original, sha256=sha256, is_fitted=False, reason=reason)

    if model.task is not Task.GENERATE:
        return keep("the only one")
    if not use_fitted:
        return keep("original: models.fitted is off")
    again = f"run `plinth models fit {model.name}`"
    record = read_record(record_path(model, models_dir))
    if record is None:
        return keep(f"original: not fitted to this processor; {again}")
    disagreement = disagrees(record, sha256)
    if disagreement is not None:
        return keep(f"original: {disagreement}; {again}")
    if not record.was_measured:
        return keep(f"original: not fitted, {record.attempts[0].refusal}; {again}")
    if record.fitted is None:
        return keep("original: no candidate was both faster and as good on this processor")
    (check,) = check_files(only_fitted(model, record.fitted), models_dir)
    if check.state is not FileState.OK:
        return keep(f"original: the fitted file is {check.state}; {again}")
    trial = record.trial()
    gains = (
        f": prefill {trial.prefill_ratio:.2f} x, decode {trial.decode_ratio:.2f} x" if trial else ""
    )
    return FileInUse(
        path=models_dir / model.name / record.fitted.path,
        sha256=record.fitted.sha256,
        is_fitted=True,
        reason=f"fitted to this processor ({record.recipe}){gains}",
    )


def only_fitted(model: ModelEntry, fitted: StoredFile) -> ModelEntry:
    """Return the model as if the fitted file were its only one, for checks like any other's."""
    file = ModelFile(path=fitted.path, bytes=fitted.bytes, sha256=fitted.sha256)
    return model.model_copy(update={"files": (file,)})


def disagrees(record: Record, original_sha256: str) -> str | None:
    """Return what a record was made for that is not the case now; None: it still holds."""
    if record.processor_key != this_processor().key:
        return "the fitted file was made on another processor"
    if record.build != library_build():
        return "the fitted file was measured with another build of llama.cpp"
    if record.rules != rules_in_force():
        return "the fitted file was chosen by the rules of another release"
    if record.original.sha256 != original_sha256:
        return "the fitted file was made from another original"
    return None
