from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ui.cli.json_lines import BatchFileError, finished_ids, read_questions, write_line


def test_read_questions_ignores_other_keys_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"id": 1, "question": "a?", "tags": []}\n\n'
        '{"id": "2", "question": "b?", "history": [{"role": "user", "content": "c"}]}\n'
    )
    first, second = read_questions(path)
    assert (first.id, first.question, first.turns) == ("1", "a?", ())
    assert second.turns[0].content == "c"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"id": "1"}', "line 1: question"),
        ("nonsense", "line 1: line"),
        ('{"id":"1","question":"a"}\n{"id":"1","question":"b"}', "line 2: id '1'"),
    ],
)
def test_read_questions_names_file_and_line_of_a_bad_one(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(BatchFileError, match=problem):
        read_questions(path)


def test_read_questions_of_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")


@pytest.mark.parametrize("cut", ['{"id": "2", "ans', '{"id": "2"}'])
def test_finished_ids_drops_a_line_cut_by_a_crash(tmp_path: Path, cut: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1"}\n' + cut)
    assert finished_ids(path) == {"1"}
    assert path.read_text() == '{"id": "1"}\n'


def test_finished_ids_of_a_foreign_file_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("my notes\nmore\n")
    with pytest.raises(BatchFileError, match="line 1 is no answer"):
        finished_ids(path)
    assert path.read_text() == "my notes\nmore\n"


def test_finished_ids_of_no_file_is_empty(tmp_path: Path) -> None:
    assert finished_ids(tmp_path / "none.jsonl") == set()


def test_write_line_writes_one_line() -> None:
    stream = io.StringIO()
    write_line(stream, {"id": "ü"})
    assert json.loads(stream.getvalue()) == {"id": "ü"}
    assert stream.getvalue().endswith("\n")
