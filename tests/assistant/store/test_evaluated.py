from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from assistant.store.evaluated import ANSWERS, ERRORS, FORGOTTEN, LOCK, EvaluatedReplies
from assistant.store.lock import ProcessLock

GONE, KEPT = uuid.uuid4().hex, uuid.uuid4().hex


def line(case: str, document_id: str, part: str = "passages") -> bytes:
    """A reply as a run keeps it."""
    reply = {"id": case, "answer": "A.", "citations": [], "passages": []}
    return json.dumps(reply | {part: [{"document_id": document_id, "text": "T"}]}).encode() + b"\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs, the first of two suites."""
    for place, lines in {
        "run1/answers/hr.jsonl": [line("1", KEPT), line("2", GONE), line("3", GONE, "citations")],
        "run1/answers/it.jsonl": [line("1", KEPT)],
        "run2/answers/hr.jsonl": [line("1", GONE), b'{"id": "2", "answer": "Cut'],
        "suites/own.jsonl": [line("1", GONE)],
    }.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))
    return tmp_path


def test_replies_that_show_a_document_are_counted_by_run(folder: Path) -> None:
    replies = EvaluatedReplies(folder)
    assert (replies.count({GONE}), replies.runs({GONE})) == (3, ("run1", "run2"))
    assert (replies.count({KEPT}), replies.runs({KEPT})) == (2, ("run1",))
    assert (replies.count(set()), replies.runs(set())) == (0, ())
    many = {GONE, *(uuid.uuid4().hex for _ in range(100))}
    assert replies.count(many) == 3


def test_forgotten_replies_become_errors_and_the_others_stay(folder: Path) -> None:
    replies = EvaluatedReplies(folder)
    assert replies.forget({GONE})
    assert replies.count({GONE}) == 0
    assert (folder / "run1" / ANSWERS / "hr.jsonl").read_bytes() == line("1", KEPT)
    assert (folder / "run1" / ANSWERS / "it.jsonl").read_bytes() == line("1", KEPT)
    assert (folder / "run2" / ANSWERS / "hr.jsonl").read_bytes() == b""  # nor what was cut off
    errors = [json.loads(one) for one in (folder / "run1" / ERRORS).read_text().splitlines()]
    assert errors == [{"suite": "hr", "id": case, "error": FORGOTTEN} for case in ("2", "3")]
    assert (folder / "suites" / "own.jsonl").read_bytes() == line("1", GONE)


def test_a_run_under_way_keeps_its_replies_for_now(folder: Path) -> None:
    replies = EvaluatedReplies(folder)
    with ProcessLock(folder / "run1" / LOCK, wait_s=0):
        assert not replies.forget({GONE})
    assert replies.runs({GONE}) == ("run1",)
    assert replies.forget({GONE})
    assert replies.runs({GONE}) == ()


def test_what_a_killed_writer_left_half_written_goes(folder: Path) -> None:
    leftover = folder / "run1" / ANSWERS / "x.partial"
    leftover.write_bytes(line("1", GONE))
    EvaluatedReplies(folder).forget({GONE})
    assert not leftover.exists()


def test_without_any_run_there_is_nothing_to_forget(tmp_path: Path) -> None:
    assert EvaluatedReplies(tmp_path / "none").forget({GONE})
