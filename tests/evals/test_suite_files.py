from __future__ import annotations

import pytest

from assistant.errors import StoreError
from evals.errors import SuiteError
from evals.suite_files import MAX_BYTES, SuiteFiles

CSV = b"question,answer,document,page\nWho?,Me,a.pdf,1\n"
JSONL = b'{"id": "a", "question": "Who?", "answerable": false}\n'


@pytest.fixture
def files(tmp_path):
    return SuiteFiles(tmp_path / "suites")


def test_kept_suite_can_be_loaded_and_deleted(files, tmp_path):
    assert files.names() == ()
    kept = files.keep("own {1}.csv", CSV)
    files.keep("other.jsonl", JSONL)
    assert files.names() == ("other.jsonl", "own {1}.csv")
    assert files.load("own {1}.csv") == kept
    assert (tmp_path / "suites" / "own {1}.csv").read_bytes() == CSV
    files.delete("own {1}.csv")
    assert files.names() == ("other.jsonl",)


def test_shipped_suite_is_there_without_files(files):
    assert files.load("sample").name == "sample"


@pytest.mark.parametrize(
    "name",
    [
        "../up.csv",
        "a/b.csv",
        "a\\b.csv",
        "C:x.csv",
        ".hidden.csv",
        " a.csv",
        "a\x00.csv",
        "a\nb.csv",
        "a\u202evsc.csv",
        "a" * 97 + ".csv",
        "é" * 99 + ".csv",
        "a.txt",
        "csv",
        "index.json",
        "Sample.jsonl",
        "",
    ],
)
def test_keep_refuses_what_is_no_plain_name(files, name, tmp_path):
    with pytest.raises(SuiteError, match="cannot be kept"):
        files.keep(name, CSV)
    assert list(tmp_path.iterdir()) == []


def test_keep_refuses_an_invalid_suite_with_file_and_line(files):
    with pytest.raises(SuiteError, match=r"^own\.jsonl, line 2: not JSON"):
        files.keep("own.jsonl", JSONL + b"{\n")
    assert files.names() == ()


def test_keep_refuses_a_suite_that_is_too_large(files):
    with pytest.raises(SuiteError, match="larger than 5 MB"):
        files.keep("own.csv", CSV + b"\n" * MAX_BYTES)


@pytest.mark.parametrize("name", ["own.csv", "OWN.jsonl"])
def test_keep_never_replaces_another_suite(files, name):
    files.keep("own.jsonl", JSONL)
    with pytest.raises(SuiteError, match=r"another suite is called 'own\.jsonl'"):
        files.keep(name, CSV if name.endswith("csv") else JSONL + JSONL.replace(b"a", b"b", 1))
    files.keep("own.jsonl", JSONL)
    assert files.names() == ("own.jsonl",)


def test_keep_on_a_full_disk_leaves_nothing(files, monkeypatch, tmp_path):
    def full_disk(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assistant.store.files.os.fsync", full_disk)
    with pytest.raises(StoreError, match="No space left"):
        files.keep("own.csv", CSV)
    assert list((tmp_path / "suites").iterdir()) == []


def test_only_kept_suites_are_loaded_or_deleted(files, tmp_path):
    (tmp_path / "outside.csv").write_bytes(CSV)
    for name in ("../outside.csv", "none.csv"):
        with pytest.raises(SuiteError, match="no suite"):
            files.load(name)
        with pytest.raises(SuiteError, match="no suite"):
            files.delete(name)
    assert (tmp_path / "outside.csv").exists()
