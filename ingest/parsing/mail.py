"""EML files: subject, who wrote to whom, and the text."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.decoding import decode
from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.html import add_markup
from ingest.parsing.metadata import iso_date
from ingest.parsing.plain_text import add_plain_text
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason

_SHOWN_FIELDS = ("From", "To", "Cc", "Date")


class MailParser:
    """Reads a mail as one page headed by its subject; attachments are flagged, not read."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text of the mail at `path`; see `Parser.parse`."""
        with path.open("rb") as file:
            message = BytesParser(EmailMessage, policy=policy.default).parse(file)
        builder = DocumentBuilder(MediaType.EMAIL, self._settings)
        subject = _field(message, "Subject")
        builder.title = subject
        builder.date = iso_date(_field(message, "Date"))
        builder.heading(subject, 1)
        fields = [(name, _field(message, name)) for name in _SHOWN_FIELDS]
        builder.paragraph("\n".join(f"{name}: {value}" for name, value in fields if value))
        _add_body(builder, message)
        if next(message.iter_attachments(), None) is not None:
            builder.flags.add("attachments-not-parsed")
        builder.end_page()
        return builder.build()


def _add_body(builder: DocumentBuilder, message: EmailMessage) -> None:
    body = message.get_body(preferencelist=("plain", "html"))
    if not isinstance(body, EmailMessage):
        return
    if body.get_content_type() == "text/html":
        add_markup(builder, _text(body), is_whole=True)
    else:
        add_plain_text(builder, _text(body))


def _text(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a character set that is unknown or not the true one
        payload = part.get_payload(decode=True)
        return decode(payload).text if isinstance(payload, bytes) else ""


def _field(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, TypeError) as exc:
        # The standard library's header parser fails on some malformed fields.
        raise RejectedFileError(
            RejectReason.CORRUPT, f"the mail's {name} field is malformed; save the mail again"
        ) from exc
