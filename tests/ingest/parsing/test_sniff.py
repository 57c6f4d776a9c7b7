import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.sniff import MediaType, sniff
from ingest.types import RejectReason

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAIL = b"Received: from a\r\nFrom: a@b.example\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n\r\nHi"


def made(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.pdf", b"%PDF-1.7\n", MediaType.PDF),
        ("a.txt", b"junk before\n%PDF-1.7\n", MediaType.PDF),
        ("a.pdf", b"\x00" * 2000 + b"%PDF-1.7\n", MediaType.PDF),
        ("a.md", b"# Title\n", MediaType.MARKDOWN),
        ("a.MD", b"<p align=center>Hi</p>\n", MediaType.MARKDOWN),
        ("a.csv", b"a,b\n1,2\n", MediaType.CSV),
        ("a.csv", b"<!-- x --><!DOCTYPE html><html></html>", MediaType.HTML),
        ("a.txt", b"\xef\xbb\xbf<html><body>x</body></html>", MediaType.HTML),
        ("a.xhtml", b'<?xml version="1.0"?><!DOCTYPE html><html></html>', MediaType.HTML),
        ("a.html", b"<p>fragment</p>", MediaType.HTML),
        ("a.txt", MAIL, MediaType.EMAIL),
        ("a.eml", b"Subject: Hi\n\nHi", MediaType.EMAIL),
        ("memo.txt", b"From: Anna\nTo: Ben\nSubject: Leave\n\nHi", MediaType.TEXT),
        ("README", b"plain words", MediaType.TEXT),
        ("a.py", b"print('x')", MediaType.TEXT),
        ("BMW.txt", b"BMW cars are allowed.", MediaType.TEXT),
        ("a.txt", "größer".encode("cp1252"), MediaType.TEXT),
        ("a.txt", "wide".encode("utf-16"), MediaType.TEXT),
    ],
)
def test_sniff_decides_by_content_then_name(tmp_path, name, data, expected):
    assert sniff(made(tmp_path, name, data)) == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (docx.Document, MediaType.DOCX),
        (pptx.Presentation, MediaType.PPTX),
        (openpyxl.Workbook, MediaType.XLSX),
    ],
)
def test_sniff_of_office_files_ignores_the_name(tmp_path, make, expected):
    path = tmp_path / "wrong.pdf"
    make().save(path)
    assert sniff(path) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (b" \n\t\x00", RejectReason.EMPTY),
        (b"{\\rtf1 hello}", RejectReason.UNSUPPORTED),
        (b"\x89PNG\r\n\x1a\n", RejectReason.UNSUPPORTED),
        (b"%!PS-Adobe", RejectReason.UNSUPPORTED),
        (b'<?xml version="1.0"?><data/>', RejectReason.UNSUPPORTED),
        (bytes(range(256)), RejectReason.UNSUPPORTED),
        (OLE + b"\x00" * 600, RejectReason.UNSUPPORTED),
        (OLE + "EncryptedPackage".encode("utf-16-le"), RejectReason.ENCRYPTED),
        (b"PK\x03\x04 cut short", RejectReason.CORRUPT),
    ],
)
def test_sniff_rejects_with_a_reason(tmp_path, data, reason):
    with pytest.raises(RejectedFileError) as caught:
        sniff(made(tmp_path, "a.docx", data))
    assert caught.value.reason == reason
    assert caught.value.detail


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"mimetype": "application/vnd.oasis.opendocument.text"}, "OpenDocument"),
        ({"mimetype": "application/epub+zip"}, "EPUB"),
        ({"a.txt": "x"}, "zip archive"),
        ({"[Content_Types].xml": "macroEnabled.main+xml"}, "macros"),
        (
            {
                "[Content_Types].xml": "wordprocessingml.document.main+xml",
                "_rels/.rels": "http://purl.oclc.org/ooxml/officeDocument",
            },
            "strict",
        ),
    ],
)
def test_sniff_of_other_containers_says_what_they_are(tmp_path, members, found):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    with pytest.raises(RejectedFileError, match=found) as caught:
        sniff(path)
    assert caught.value.reason == RejectReason.UNSUPPORTED


def test_sniff_of_a_missing_file_raises_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        sniff(tmp_path / "missing")
