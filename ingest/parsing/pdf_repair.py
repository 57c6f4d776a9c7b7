"""A second try for PDF files that PDFium cannot open: pypdf rewrites what it can still find."""

from __future__ import annotations

import io
from pathlib import Path

from pypdf import PdfReader, PdfWriter
from pypdf.errors import DependencyError, PyPdfError

_UNREPAIRABLE = (
    PyPdfError,
    DependencyError,
    RecursionError,
    # A damaged file has objects of any kind where pypdf counts on another.
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)


def repaired_pdf(path: Path) -> bytes | None:
    """Return a clean copy of a damaged PDF, in memory; None if no catalog of pages is left.

    Mends cross-references, a trailer that names no root, and foreign bytes before the header. A
    file that was cut short stays rejected: an answer from its rest would look like one from all
    of it.

    Raises:
        OSError: the file cannot be read.
    """
    damaged = io.BytesIO(path.read_bytes())
    clean = io.BytesIO()
    try:
        PdfWriter(clone_from=PdfReader(damaged, strict=False)).write(clean)
    except _UNREPAIRABLE:
        return None
    return clean.getvalue()
