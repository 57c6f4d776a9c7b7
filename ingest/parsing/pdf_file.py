"""A PDF opened by PDFium."""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path
from typing import Any

import pypdfium2


def open_pdf(path: Path) -> Any:
    """Return the PDF at `path`, mapped into memory; the caller closes it.

    pypdfium2 opens a path itself only if it has a name, which an `InputCopy` has not.

    Raises:
        PdfiumError: it is damaged, has no pages, or needs a password.
        OSError: the file cannot be read.
        ValueError: it is empty.
    """
    with path.open("rb") as file:
        # A private mapping: ctypes asks for one that could be written.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return pypdfium2.PdfDocument((ctypes.c_ubyte * len(mapped)).from_buffer(mapped))
