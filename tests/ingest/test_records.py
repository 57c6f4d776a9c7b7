from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import records
from ingest.errors import RejectedFileError
from ingest.records import Record, parse_record, read_records
from ingest.types import RejectReason


def read(tmp_path: Path, content: bytes) -> list[Record]:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    return list(read_records(path, document="sub/corpus.jsonl"))


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


GOOD = line(_id="d1", title="Leave", text="Twenty days.")


def test_read_records_names_each_by_its_id_and_hashes_its_line(tmp_path):
    found = read(tmp_path, b"\xef\xbb\xbf" + GOOD + b"\r\n\n  " + line(_id=7, text="x") + b"  ")
    assert [(record.document, record.title, record.text) for record in found] == [
        ("d1", "Leave", "Twenty days."),
        ("7", "", "x"),
    ]
    assert found[0].version == hashlib.sha256(GOOD).hexdigest()
    assert found[0].line == GOOD


def test_read_records_version_does_not_depend_on_the_place(tmp_path):
    first, second = read(tmp_path, GOOD + b"\n" + GOOD)
    assert first.version == second.version


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"[1]",
        b"null",
        line(text="no id"),
        line(_id="no text"),
        line(_id="", text="x"),
        line(_id="i" * 501, text="x"),
        line(_id=True, text="x"),
        line(_id="a", text=5),
        line(_id="a", title=["t"], text="x"),
        b'{"_id": "\xff", "text": "x"}',
        b"[" * 100_000,
    ],
)
def test_read_records_bad_line_is_a_rejection_with_its_place(tmp_path, bad):
    _, rejected = read(tmp_path, GOOD + b"\n" + bad + b"\n")
    assert rejected.document == "sub/corpus.jsonl:2"
    assert rejected.rejection is not None
    assert rejected.rejection.reason == RejectReason.CORRUPT
    assert "'sub/corpus.jsonl:2'" in rejected.rejection.detail


def test_read_records_too_long_line_is_skipped_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_LINE_BYTES", 100)
    content = GOOD + b"\n" + line(_id="long", text="x" * 300) + b"\n" + line(_id="d3", text="y")
    _, rejected, last = read(tmp_path, content)
    assert rejected.document == "sub/corpus.jsonl:2"
    assert rejected.rejection is not None
    assert rejected.rejection.reason == RejectReason.TOO_LARGE
    assert last.document == "d3"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b'{"level": "info"}\n{"level": "warn"}\n', b"\x00"]
)
def test_read_records_file_of_something_else_is_unsupported(tmp_path, content):
    with pytest.raises(RejectedFileError) as caught:
        read(tmp_path, content)
    assert caught.value.reason == RejectReason.UNSUPPORTED


def test_parse_record_is_a_page_of_normalised_text(tmp_path):
    (record,) = read(tmp_path, line(_id="a", title=" The\nﬁle ", text="Oﬃce\r\n\ud800ok"))
    document = parse_record(record)
    assert document.title == "The file"
    assert [(page.page_number, page.text) for page in document.pages] == [
        (None, "Office\n\ufffdok")
    ]


def test_parse_record_without_text_is_empty(tmp_path):
    (record,) = read(tmp_path, line(_id="a", text=" \n "))
    with pytest.raises(RejectedFileError) as caught:
        parse_record(record)
    assert caught.value.reason == RejectReason.EMPTY


@given(content=st.binary(max_size=300))
def test_read_records_any_bytes_end_in_records_or_rejection(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "any.jsonl"
    path.write_bytes(GOOD + b"\n" + content)
    assert next(iter(read_records(path, document="any.jsonl"))).document == "d1"
    for record in read_records(path, document="any.jsonl"):
        assert record.document
