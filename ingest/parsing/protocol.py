"""The seam of parsers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ingest.types import ParsedDocument

OnScan = Callable[[int, int], None]
"""Told, before a scanned page is read, which it is, from 1, and of how many in its file."""


def ignore(_number: int, _of: int) -> None:
    """Be an `OnScan` that nobody listens to."""


class Parser(Protocol):
    """Reads files of one format."""

    def parse(self, path: Path) -> ParsedDocument:
        """Return the text and structure of a file of this parser's format.

        Every span slices the final text of its page. At least one page has text.

        Raises:
            RejectedFileError: damaged, encrypted, without text, or over a limit of the settings.
            OSError: the file cannot be read.
        """
        ...
