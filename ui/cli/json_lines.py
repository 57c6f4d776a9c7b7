"""JSON Lines in and out of the batch commands."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import AssistantError
from assistant.inert import json_text
from assistant.types import Turn

_FOREIGN = (
    "{path}, line {number} is no answer of an earlier run; give another --output or remove the file"
)


class BatchFileError(AssistantError):
    """A batch file is missing or a line of it is not valid; names file and line."""


class TurnLine(BaseModel):
    """One earlier turn."""

    model_config = ConfigDict(extra="ignore")

    role: str
    content: str


class QuestionLine(BaseModel):
    """One question of a batch; further keys, such as those of a suite, are ignored."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str
    question: str
    history: tuple[TurnLine, ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The history as domain values."""
        return tuple(Turn(role=turn.role, content=turn.content) for turn in self.history)


def read_questions(path: Path) -> tuple[QuestionLine, ...]:
    """Read a batch of questions.

    Raises:
        BatchFileError: the file cannot be read, a line is not a question, or an id repeats.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BatchFileError(f"{path} cannot be read ({error}); give a JSON Lines file") from error
    questions: dict[str, QuestionLine] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            parsed = QuestionLine.model_validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "line"
            raise BatchFileError(
                f"{path}, line {number}: {where}: {problem['msg']}; "
                'each line is {"id": …, "question": …}'
            ) from error
        if parsed.id in questions:
            raise BatchFileError(f"{path}, line {number}: id {parsed.id!r} stands there twice")
        questions[parsed.id] = parsed
    return tuple(questions.values())


def finished_ids(path: Path) -> set[str]:
    """Return the ids already answered in an output file; a line cut by a crash is removed.

    Only the last line can be cut: each is written whole and flushed before the next begins.

    Raises:
        BatchFileError: the file holds something else than answers; it is left as it is.
    """
    if not path.exists():
        return set()
    data = path.read_bytes()
    whole, cut = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    ids: set[str] = set()
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            ids.add(json.loads(line)["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise BatchFileError(_FOREIGN.format(path=path, number=number)) from error
    if cut and not cut.startswith(b"{"):
        raise BatchFileError(_FOREIGN.format(path=path, number=len(ids) + 1))
    if cut:
        os.truncate(path, len(whole))
    return ids


def write_line(file: TextIO, value: dict[str, Any]) -> None:
    """Append one object and hand it to the operating system at once."""
    file.write(json_text(value) + "\n")
    file.flush()
