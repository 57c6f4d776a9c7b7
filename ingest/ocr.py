"""What reads scanned pages on this machine, as a process that reads documents finds it."""

from __future__ import annotations

from ingest.parsing.sandbox import told_by_child
from ingest.parsing.tesseract import Installed
from ingest.settings import IngestSettings


def examine_ocr(settings: IngestSettings) -> Installed:
    """Return what reads scans, of `settings.ocr_languages`; takes a few tenths of a second.

    Raises:
        IngestError: it is installed and cannot be used.
    """
    told = told_by_child(
        "ingest.parsing.tesseract",
        *settings.ocr_languages,
        fault="text recognition cannot start ({}); install tesseract-ocr anew",
    )
    return Installed(version=told["version"], languages=tuple(told["languages"]))
