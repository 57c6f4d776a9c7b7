"""Decide what a file is from its bytes; its name only chooses between kinds of text."""

from __future__ import annotations

import mmap
import re
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.archive import opened_archive
from ingest.parsing.decoding import is_binary
from ingest.types import RejectReason

_HEAD_BYTES = 8192
_MEMBER_BYTES = 1_000_000
_STRICT = b"http://purl.oclc.org/ooxml/"
_OFFICE = "application/vnd.openxmlformats-officedocument"


class MediaType(StrEnum):
    """What Plinth can read."""

    PDF = "application/pdf"
    DOCX = f"{_OFFICE}.wordprocessingml.document"
    PPTX = f"{_OFFICE}.presentationml.presentation"
    XLSX = f"{_OFFICE}.spreadsheetml.sheet"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    EMAIL = "message/rfc822"
    TEXT = "text/plain"


_TEXT_SUFFIXES = {
    ".md": MediaType.MARKDOWN,
    ".markdown": MediaType.MARKDOWN,
    ".csv": MediaType.CSV,
    ".tsv": MediaType.CSV,
    ".eml": MediaType.EMAIL,
    ".html": MediaType.HTML,
    ".htm": MediaType.HTML,
    ".xhtml": MediaType.HTML,
}
# The main part's type in [Content_Types].xml; templates and files with macros have others.
_OFFICE_PARTS = {
    b"wordprocessingml.document.main+xml": MediaType.DOCX,
    b"presentationml.presentation.main+xml": MediaType.PPTX,
    b"spreadsheetml.sheet.main+xml": MediaType.XLSX,
}
_UNSUPPORTED_MAGIC = (
    (b"{\\rtf", "an RTF document", "convert to DOCX or PDF"),
    (b"%!PS", "a PostScript file", "convert to PDF"),
    (b"\x89PNG", "an image", "run text recognition and save as PDF"),
    (b"\xff\xd8\xff", "an image", "run text recognition and save as PDF"),
    (b"GIF8", "an image", "run text recognition and save as PDF"),
    (b"II*\x00", "an image", "run text recognition and save as PDF"),
    (b"MM\x00*", "an image", "run text recognition and save as PDF"),
    (b"BM", "an image", "run text recognition and save as PDF"),
    (b"RIFF", "a media file", "convert to a text document"),
    (b"\x1f\x8b", "a compressed file", "unpack it"),
    (b"7z\xbc\xaf", "a compressed archive", "unpack it"),
    (b"Rar!", "a compressed archive", "unpack it"),
    (b"\x7fELF", "a program", "leave it out"),
    (b"MZ", "a program", "leave it out"),
)
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML_START = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)[\s>]", re.I | re.S
)
_MAIL_START = re.compile(
    rb"^(?:From [^\n]*\n)?(?:[A-Za-z][A-Za-z0-9-]*:[ \t][^\n]*\n(?:[ \t][^\n]*\n)*){3}"
)
_MAIL_FIELD = re.compile(rb"^(?:message-id|mime-version|received|return-path):", re.I | re.M)


def sniff(path: Path, suffix: str | None = None) -> MediaType:
    """Return what the file at `path` is.

    Args:
        path: Of the file.
        suffix: What its name ends in, with the dot, where `path` is not named like it.

    Raises:
        RejectedFileError: empty, encrypted, damaged, or of a kind that Plinth cannot read; the
            detail says what it looks like and what to convert it to.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head.strip(b"\x00 \t\r\n"):
        raise RejectedFileError(RejectReason.EMPTY, "the file is empty; nothing to add")
    if b"%PDF-" in head[:1024]:
        return MediaType.PDF
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    if head.startswith(_OLE_MAGIC):
        raise _old_office_rejection(path)
    for magic, found, advice in _UNSUPPORTED_MAGIC:
        if head.startswith(magic) and (len(magic) > 2 or is_binary(head)):
            raise _unsupported(found, advice)
    if is_binary(head):
        if b"%PDF-" in head:  # behind more foreign bytes than readers put up with
            return MediaType.PDF
        raise _unsupported("a binary file of unknown kind", "convert to PDF, DOCX or text")
    return _sniff_text(head, (path.suffix if suffix is None else suffix).lower())


def _sniff_text(head: bytes, suffix: str) -> MediaType:
    plain = head.removeprefix(b"\xef\xbb\xbf")
    by_name = _TEXT_SUFFIXES.get(suffix, MediaType.TEXT)
    if _HTML_START.match(plain) and by_name is not MediaType.MARKDOWN:
        return MediaType.HTML
    if _MAIL_START.match(plain.replace(b"\r\n", b"\n")) and _MAIL_FIELD.search(plain):
        return MediaType.EMAIL
    if plain.lstrip().startswith(b"<?xml"):
        raise _unsupported("an XML file", "convert to HTML, PDF or text")
    return by_name


def _sniff_zip(path: Path) -> MediaType:
    try:
        with path.open("rb") as file, opened_archive(file) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                if _STRICT in _read(archive, "_rels/.rels"):
                    raise _unsupported(
                        "an Office file in the rare strict variant",
                        "save it as an ordinary DOCX, PPTX or XLSX",
                    )
                types = _read(archive, "[Content_Types].xml")
                for part, media_type in _OFFICE_PARTS.items():
                    if part in types:
                        return media_type
                raise _unsupported(
                    "an Office file with macros, a template or another special kind",
                    "save it as DOCX, PPTX, XLSX or PDF",
                )
            if "mimetype" in names:
                is_book = b"epub" in _read(archive, "mimetype")
                found = "an EPUB book" if is_book else "an OpenDocument file"
                raise _unsupported(found, "convert to DOCX, PPTX, XLSX or PDF")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as exc:
        raise RejectedFileError(
            RejectReason.CORRUPT,
            "the file is a damaged zip container (a DOCX, PPTX or XLSX cut short?); "
            "get a whole copy",
        ) from exc
    raise _unsupported("a zip archive", "unpack it")


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the start of a member; nothing if there is none."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as member:
        return member.read(_MEMBER_BYTES)


def _old_office_rejection(path: Path) -> RejectedFileError:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_OLE_ENCRYPTED) >= 0:
            return RejectedFileError(
                RejectReason.ENCRYPTED,
                "the Office file needs a password; save a copy without one",
            )
    return _unsupported(
        "an Office file of before 2007, or an Outlook message", "save it as DOCX, PPTX, XLSX or PDF"
    )


def _unsupported(found: str, advice: str) -> RejectedFileError:
    return RejectedFileError(RejectReason.UNSUPPORTED, f"the file is {found}: {advice}")
