"""Runs as an earlier Plinth left them, taken into the catalog at whatever point it is killed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from assistant.access import OPERATOR
from assistant.store import catalog as catalog_module
from assistant.store import run_folders
from assistant.store.backup import back_up
from assistant.store.catalog import open_catalog
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.restore import restore
from assistant.store.runs import FORGOTTEN, Runs
from assistant.store.writer import open_writer
from tests.assistant.corpora import publish
from tests.assistant.store.test_conversations import reply_of

RUN, STOPPED = "20260102T030405Z-0a1b2c", "20260103T030405Z-0a1b2c"
PLAN = {"suites": {"hr": "0" * 64, "it": "1" * 64}, "sample": None, "seed": 0, "subject": {"a": 1}}


def case(name: str) -> dict[str, Any]:
    return {"id": name, "question": f"What is {name}?", "answerable": False}


def lines(*values: dict[str, Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def make_folder(data_dir: Path, run_id: str, document_id: str, *, finished: str | None) -> Path:
    folder = Layout(data_dir).evaluations / run_id
    files = {
        "run.json": json.dumps({"plan": PLAN, "started": "2026-01-02", "finished": finished}),
        "suites/hr.jsonl": lines(*map(case, "abcd")),
        "suites/it.jsonl": lines(case("a")),
        "suites/index.json": json.dumps({"hr": {"page_tolerance": 1}}),
        "answers/hr.jsonl": lines(
            reply_of(document_id) | {"id": "a"}, reply_of("gone" * 8) | {"id": "b"}
        )
        + '{"id": "c", "answer": "cut of',
        "errors.jsonl": lines(
            {"suite": "hr", "id": "a", "error": "at first"},
            {"suite": "hr", "id": "d", "error": "crash"},
        ),
        "report.json": "{}",
        "report.md": "# Run",
        "run.lock": "process 1",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def filled(data_dir: Path) -> Path:
    """A data dir with a finished and a stopped run, and a suite of somebody's own."""
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="one")
        (document,) = writer.catalog.list_documents(OPERATOR)
    make_folder(data_dir, RUN, document.document_id, finished="2026-01-02")
    make_folder(data_dir, STOPPED, document.document_id, finished=None)
    suite = Layout(data_dir).evaluations / "suites" / "own.csv"
    suite.parent.mkdir()
    suite.write_text("question,answer,document,page\n", encoding="utf-8")
    return data_dir


def require_taken_in(runs: Runs, data_dir: Path) -> None:
    first, second = runs.list()
    assert (first.run_id, first.finished, second.run_id) == (RUN, "2026-01-02", STOPPED)
    assert (first.plan, first.started, second.finished) == (PLAN, "2026-01-02", None)
    assert first.suites == (
        {"name": "hr", "page_tolerance": 1},
        {"name": "it", "page_tolerance": 0},
    )
    for run in (first, second):
        found = [*runs.cases(run.run_id, 0), *runs.cases(run.run_id, 1)]
        assert [(one.case["id"], one.error) for one in found] == [
            ("a", None),
            ("b", FORGOTTEN),  # its document was deleted before
            ("c", None),
            ("d", "crash"),
            ("a", None),
        ]
        assert [one.position for one in found if one.reply is not None] == [0]
        assert runs.counts(run.run_id).n_replies == 1
    left = {path.name for path in Layout(data_dir).evaluations.rglob("*") if path.is_file()}
    assert left == {"own.csv"}


def test_folders_come_into_the_catalog_whole_and_go(filled: Path) -> None:
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)


def test_a_writer_takes_them_in_and_deletion_reaches_them(filled: Path) -> None:
    with open_writer(filled) as writer:
        require_taken_in(writer.catalog.runs, filled)
        (document,) = writer.catalog.list_documents(OPERATOR)
        writer.delete_document(document.document_id)
        assert writer.catalog.runs.counts(RUN).n_replies == 0


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["add_run", "sync_folder", "rmtree", "unlink"])
def test_killed_in_between_the_next_one_goes_on(
    filled: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    def half_removed(path: Path, **_: object) -> None:
        (path / "run.json").unlink()
        raise Killed

    with monkeypatch.context() as patch:
        if step == "rmtree":
            patch.setattr(shutil, "rmtree", killed)
        elif step == "unlink":
            patch.setattr(shutil, "rmtree", half_removed)
        else:
            patch.setattr(run_folders, step, killed)
        with pytest.raises(Killed), open_catalog(filled):
            pass
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)


def test_what_cannot_be_read_stays_and_is_told(
    filled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evaluations = Layout(filled).evaluations
    (evaluations / RUN / "run.json").write_text("{}", encoding="utf-8")
    broken = evaluations / STOPPED / "answers" / "hr.jsonl"
    broken.write_text("{\n", encoding="utf-8")
    with open_catalog(filled) as catalog:
        assert catalog.runs.list() == ()
        assert catalog.examination.run_folders() == (RUN, STOPPED)
    assert f"the evaluation in {evaluations / RUN} cannot be taken in (KeyError)" in caplog.text
    broken.unlink()
    (evaluations / RUN / "run.json").unlink()
    with open_catalog(filled) as catalog:
        assert [one.run_id for one in catalog.runs.list()] == [STOPPED]
        assert catalog.examination.run_folders() == (RUN,)


def test_what_an_earlier_plinth_still_asks_is_taken_in_later(filled: Path) -> None:
    lock = ProcessLock(Layout(filled).evaluations / STOPPED / "run.lock", wait_s=0)
    with lock, open_catalog(filled) as catalog:
        assert [one.run_id for one in catalog.runs.list()] == [RUN]
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)


def test_a_catalog_that_is_being_written_is_opened_without_them(filled: Path) -> None:
    with ProcessLock(Layout(filled).lock, wait_s=0), open_catalog(filled) as catalog:
        assert catalog.runs.list() == ()
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)


def test_a_run_that_was_only_begun_to_be_written_goes(filled: Path) -> None:
    begun = Layout(filled).evaluations / f".{RUN}"
    (begun / "suites").mkdir(parents=True)
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)
    assert not begun.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folders_that_cannot_be_removed_are_not_taken_in_twice(filled: Path) -> None:
    evaluations = Layout(filled).evaluations
    evaluations.chmod(0o500)
    try:
        for _ in range(2):
            with open_catalog(filled) as catalog:
                assert [one.run_id for one in catalog.runs.list()] == [RUN, STOPPED]
    finally:
        evaluations.chmod(0o700)
    with open_catalog(filled) as catalog:
        require_taken_in(catalog.runs, filled)


@pytest.mark.parametrize("is_old", [False, True])
def test_backups_hold_runs_and_those_of_an_earlier_plinth_their_folders(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    file, restored = tmp_path / "backup.tar", tmp_path / "restored"
    with monkeypatch.context() as patch:
        if is_old:
            patch.setattr(catalog_module, "run_folders", lambda _: ())
        back_up(filled, file)
    assert (Layout(filled).evaluations / RUN).exists() == is_old
    # Where the settings name a database, that one has to be empty: here it comes into a file.
    monkeypatch.setenv("PLINTH_CATALOG__URL", "")
    restore(file, restored)
    with open_catalog(restored) as catalog:
        require_taken_in(catalog.runs, restored)
