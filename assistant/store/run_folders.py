"""Runs as earlier Plinths kept them, a folder each: taken into the catalog, then removed.

What cannot be read stays where it is, and is told; nobody but its owner can say what it is worth.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from assistant.errors import StoreError, WriterBusyError
from assistant.store.database import Database
from assistant.store.files import said_of_disk, sync_folder
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.runs import StoredCase, StoredRun, add_run, has_run

ANSWERS, SUITES = "answers", "suites"
RECORD, ERRORS, LOCK, INDEX = "run.json", "errors.jsonl", "run.lock", "index.json"
_TAKEN = ".taken-"
"""Begins the name of a folder that is in the catalog and is being removed."""
_BEGUN = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f]{6}")
"""A run of which not even the questions were written."""
_LOG = logging.getLogger(__name__)


def run_folders(layout: Layout) -> tuple[Path, ...]:
    """Return the folders of runs that are not in the catalog, by name."""
    found = {path.parent for path in layout.evaluations.glob(f"*/{RECORD}")}
    found |= {path.parent for path in layout.evaluations.glob(f"*/{ANSWERS}")}
    return tuple(sorted(path for path in found if not path.name.startswith(".")))


def take_in_runs(layout: Layout, database: Database) -> None:
    """Take the folders of runs into the catalog; the caller holds the writer's lock.

    Atomicity: a run comes into the catalog whole, then its folder goes. Killed in between, the next
    time only the folder goes. What is still being written by an earlier Plinth, or cannot be read
    or stored, is left for another time.
    """
    for leftover in layout.evaluations.glob(".*"):
        if leftover.name.startswith(_TAKEN) or _BEGUN.fullmatch(leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
    for folder in run_folders(layout):
        try:
            with said_of_disk(folder), ProcessLock(folder / LOCK, wait_s=0):
                _take_in(folder, database)
                taken = folder.rename(folder.with_name(_TAKEN + folder.name))
                sync_folder(layout.evaluations)
                shutil.rmtree(taken)
        except WriterBusyError:
            _LOG.warning("the evaluation %s is under way; it is taken in later", folder.name)
        except (StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning(
                "the evaluation in %s cannot be taken in (%s)", folder, type(error).__name__
            )


def folders_that_name(layout: Layout, ids: Collection[str]) -> tuple[str, ...]:
    """Return the names of those folders of which a file names a document.

    Raises:
        StoreError: the disk refuses.
    """
    with said_of_disk(layout.evaluations):
        return tuple(
            folder.name
            for folder in run_folders(layout)
            if any(_names(path, ids) for path in folder.rglob("*") if path.is_file())
        )


def _names(path: Path, ids: Collection[str]) -> bool:
    found = re.findall(rb"[0-9a-f]{32}", path.read_bytes())
    return any(one.decode() in ids for one in found)


def _take_in(folder: Path, database: Database) -> None:
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    files = sorted((folder / SUITES).glob("*.jsonl"))
    properties = _read_json(folder / SUITES / INDEX)
    run = StoredRun(
        run_id=folder.name,
        plan=record["plan"],
        suites=tuple(
            {"name": path.stem, "page_tolerance": 0, **properties.get(path.stem, {})}
            for path in files
        ),
        starts=tuple(record.get("starts", ())),
        started=record["started"],
        finished=record["finished"],
    )
    cases = list(_cases(folder, files))
    with database.writing() as session:
        if not has_run(session, run.run_id):
            add_run(session, run, cases)


def _cases(folder: Path, files: list[Path]) -> Iterator[StoredCase]:
    errors = {(line["suite"], line["id"]): line["error"] for line in _lines(folder / ERRORS)}
    position = 0
    for suite_index, path in enumerate(files):
        replies = {reply["id"]: reply for reply in _lines(folder / ANSWERS / path.name)}
        for case in _lines(path):
            reply = replies.get(case["id"])
            yield StoredCase(
                position=position,
                suite_index=suite_index,
                case=case,
                reply=reply,
                error=None if reply is not None else errors.get((path.stem, case["id"])),
            )
            position += 1


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file; what a crash cut off, behind the last line feed, is none."""
    if path.exists():
        *whole, _ = path.read_text(encoding="utf-8").split("\n")
        yield from map(json.loads, whole)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value
