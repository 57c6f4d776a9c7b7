"""From a file to the parser of its format."""

from __future__ import annotations

import os
import stat
from importlib import import_module
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.protocol import OnScan, Parser, ignore
from ingest.parsing.sniff import MediaType, sniff
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason

_PARSERS = {
    MediaType.PDF: ("pdf", "PdfParser"),
    MediaType.DOCX: ("word", "WordParser"),
    MediaType.PPTX: ("slides", "SlidesParser"),
    MediaType.XLSX: ("sheets", "WorkbookParser"),
    MediaType.CSV: ("sheets", "CsvParser"),
    MediaType.HTML: ("html", "HtmlParser"),
    MediaType.MARKDOWN: ("markdown", "MarkdownParser"),
    MediaType.EMAIL: ("mail", "MailParser"),
    MediaType.TEXT: ("plain_text", "PlainTextParser"),
}


def parse_file(
    path: Path,
    settings: IngestSettings,
    *,
    suffix: str | None = None,
    on_scan: OnScan = ignore,
) -> ParsedDocument:
    """Return what the parser of the file's format makes of it, in this process.

    For files that may be hostile or damaged use `ParserPool`, which bounds what they can do.

    Args:
        path: Of the file.
        settings: What it may cost.
        suffix: What its name ends in, with the dot, where `path` is not named like it.
        on_scan: Told before each page that is a picture of text.

    Raises:
        RejectedFileError: with the reason and what its owner can do.
    """
    try:
        check_file(path.stat(), settings)
        return build_parser(sniff(path, suffix), settings, on_scan).parse(path)
    except OSError as exc:
        raise refused(exc) from exc


def check_file(found: os.stat_result, settings: IngestSettings) -> None:
    """Reject what is no regular file, or too large, before a byte of it is read.

    Raises:
        RejectedFileError: with the reason.
    """
    if not stat.S_ISREG(found.st_mode):
        raise RejectedFileError(
            RejectReason.UNREADABLE, "it is no regular file; give files or folders"
        )
    if found.st_size > settings.max_file_bytes:
        raise RejectedFileError(
            RejectReason.TOO_LARGE,
            f"the file has {found.st_size:,} bytes, more than {settings.max_file_bytes:,}; "
            "split it or raise ingest.max_file_bytes",
        )


def refused(error: OSError) -> RejectedFileError:
    """Return the rejection of a file that the operating system does not let us read."""
    return RejectedFileError(
        RejectReason.UNREADABLE,
        f"the operating system refused it ({error.strerror}); check its permissions",
    )


def build_parser(
    media_type: MediaType, settings: IngestSettings, on_scan: OnScan = ignore
) -> Parser:
    """Return a parser of `media_type`; its libraries are imported only now."""
    module, name = _PARSERS[media_type]
    make = getattr(import_module(f"ingest.parsing.{module}"), name)
    parser: Parser = make(settings, on_scan) if media_type is MediaType.PDF else make(settings)
    return parser
