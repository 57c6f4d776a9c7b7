"""A run as files, in the public forms, so that anything that reads those can score it again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assistant.inert import json_text
from assistant.store.files import said_of_disk
from assistant.store.run_folders import ANSWERS, ERRORS, INDEX, RECORD, SUITES
from evals.errors import RunError
from evals.runs import Run
from evals.suites import case_to_json


def export_run(run: Run, folder: Path) -> None:
    """Write a run into a folder: `run.json`, and for each suite its cases and the replies.

    Args:
        run: As far as it is.
        folder: Made; there is none yet.

    Raises:
        RunError: there is such a folder, or a suite's name can be no file's.
        StoreError: the disk is full or refuses.
    """
    for properties in run.properties:
        if Path(properties["name"]).name != properties["name"]:
            raise RunError(f"suite {properties['name']!r} cannot be a file's name; rename it")
    with said_of_disk(folder):
        try:
            folder.mkdir()
        except FileExistsError as error:
            raise RunError(f"{str(folder)!r} exists already; give another name") from error
        for part in (SUITES, ANSWERS):
            (folder / part).mkdir()
        errors: list[Mapping[str, Any]] = []
        for suite in run.suites():
            _write_lines(folder / SUITES / f"{suite.name}.jsonl", map(case_to_json, suite.cases))
            replies = run.replies(suite.name)
            _write_lines(folder / ANSWERS / f"{suite.name}.jsonl", replies.values())
            found = run.errors(suite.name)
            errors += [{"suite": suite.name, "id": one, "error": found[one]} for one in found]
        _write_lines(folder / ERRORS, errors)
        properties = {one["name"]: {**one} for one in run.properties}
        write_text(folder / SUITES / INDEX, json_text(properties, indent=2) + "\n")
        record = {
            "plan": run.plan,
            "started": run.started,
            "finished": run.finished,
            "starts": list(run.starts),
        }
        write_text(folder / RECORD, json_text(record, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: readers see the old content or the new."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)


def _write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json_text(value) + "\n" for value in values))
