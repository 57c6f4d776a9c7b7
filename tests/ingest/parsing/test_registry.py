import os

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.registry import build_parser, parse_file
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import RejectReason


def rejection_of(path, settings):
    with pytest.raises(RejectedFileError) as caught:
        parse_file(path, settings)
    return caught.value.reason


@pytest.mark.parametrize("media_type", list(MediaType))
def test_build_parser_knows_every_media_type(media_type, limits):
    assert callable(build_parser(media_type, limits).parse)


def test_parse_file_trusts_content_over_the_name(make_pdf, limits):
    path = make_pdf([(72, 700, 11, "Helvetica", "Hello there.")], name="wrong.docx")
    document = parse_file(path, limits)
    assert (document.media_type, document.pages[0].text) == (MediaType.PDF, "Hello there.")


def test_parse_file_of_a_file_too_large_rejects_it_unread(make_text):
    path = make_text("a.txt", "x" * 100)
    assert rejection_of(path, IngestSettings(max_file_bytes=99)) == RejectReason.TOO_LARGE


def test_parse_file_of_what_is_no_file_rejects(tmp_path, limits):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, tmp_path / "missing"):
        assert rejection_of(path, limits) == RejectReason.UNREADABLE


def test_parse_file_that_the_system_refuses_rejects(make_text, limits, monkeypatch):
    path = make_text("a.txt", "x")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)  # the tests may run as root
    assert rejection_of(path, limits) == RejectReason.UNREADABLE
