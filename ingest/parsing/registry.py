"""From a file to the parser of its format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.protocol import Parser
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


def parse_file(path: Path, settings: IngestSettings) -> ParsedDocument:
    """Return what the parser of the file's format makes of it, in this process.

    For files that may be hostile or damaged use `ParserPool`, which bounds what they can do.

    Raises:
        RejectedFileError: with the reason and what its owner can do.
    """
    try:
        if not path.is_file():
            raise RejectedFileError(
                RejectReason.UNREADABLE, "it is no regular file; give files or folders"
            )
        n_bytes = path.stat().st_size
        if n_bytes > settings.max_file_bytes:
            raise RejectedFileError(
                RejectReason.TOO_LARGE,
                f"the file has {n_bytes:,} bytes, more than {settings.max_file_bytes:,}; "
                "split it or raise ingest.max_file_bytes",
            )
        return build_parser(sniff(path), settings).parse(path)
    except OSError as exc:
        raise RejectedFileError(
            RejectReason.UNREADABLE,
            f"the operating system refused it ({exc.strerror}); check its permissions",
        ) from exc


def build_parser(media_type: MediaType, settings: IngestSettings) -> Parser:
    """Return a parser of `media_type`; its libraries are imported only now."""
    module, name = _PARSERS[media_type]
    parser: Parser = getattr(import_module(f"ingest.parsing.{module}"), name)(settings)
    return parser
