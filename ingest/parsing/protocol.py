"""The seam of parsers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ingest.types import ParsedDocument


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
