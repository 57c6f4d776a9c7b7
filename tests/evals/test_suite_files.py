from __future__ import annotations

import pytest

from evals.errors import SuiteError
from evals.suite_files import SuiteFiles

CSV = b"question,answer,document,page\nWho?,Me,a.pdf,1\n"
JSONL = b'{"id": "a", "question": "Who?", "answerable": false}\n'


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "own {1}.csv").write_bytes(CSV)
    (folder / "other.jsonl").write_bytes(JSONL)
    (folder / "index.txt").write_bytes(JSONL)
    (folder / ".other.jsonl.partial").write_bytes(JSONL)
    return folder


def test_there_are_none_without_a_folder(tmp_path):
    assert SuiteFiles(tmp_path / "none").names() == ()


def test_files_are_named_loaded_and_deleted(folder):
    files = SuiteFiles(folder)
    assert files.names() == ("other.jsonl", "own {1}.csv")
    assert files.load("own {1}.csv").cases[0].answers == ("Me",)
    files.delete("own {1}.csv")
    assert files.names() == ("other.jsonl",)


def test_nothing_else_is_loaded_or_deleted(folder):
    outside = folder.with_name("outside.csv")
    outside.write_bytes(CSV)
    files = SuiteFiles(folder)
    for name in ("../outside.csv", "none.csv", "index.txt"):
        for call in (files.load, files.delete):
            with pytest.raises(SuiteError, match="no suite"):
                call(name)
    assert outside.exists()
