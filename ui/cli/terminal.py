"""The one place that writes to terminals.

Nothing from documents, people or models can move the cursor or pose as a prompt: every command
writes through here.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Any

from assistant.inert import json_text, visible
from assistant.types import Citation, Hit


def printable(text: str) -> str:
    """Return `text` with control and format characters, but for line feeds, shown as `�`."""
    return visible(text, kept="\n")


def one_line(text: str) -> str:
    """Return `text` without line feeds either: what must not pose as a line of its own."""
    return visible(text)


def say(text: str = "", *, end: str = "\n") -> None:
    """Write a result to stdout."""
    print(printable(text), end=end, flush=True)


def note(text: str) -> None:
    """Write a line of progress, a warning or an error to stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    """Write the result of a command as JSON to stdout."""
    print(json_text(value, indent=2))


class LogFormatter(logging.Formatter):
    """Writes a record for a terminal; of an error only its kind and place, but for debugging.

    An error's message may hold text of a document.
    """

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines."""
        return printable(super().format(record))

    def formatException(self, ei: Any) -> str:
        """Return what became of an error."""
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            return super().formatException(ei)
        kind, _, trace = ei
        return "".join([*traceback.format_tb(trace), kind.__name__])


def place(document: str, page_number: int | None) -> str:
    """Name where a passage stands."""
    return document if page_number is None else f"{document}, page {page_number}"


def citation_line(number: int, citation: Citation) -> str:
    """Write a citation: its 1-based number, place and verbatim quote on one line."""
    quote = " ".join(citation.quote.split())
    return one_line(f"[{number}] {place(citation.document, citation.page_number)}: “{quote}”")


def hit_line(hit: Hit) -> str:
    """Write a search hit: rank, score, place and the passage on one line."""
    text = " ".join(hit.chunk.text.split())
    where = place(hit.document.document, hit.chunk.page_number)
    return f"{hit.rank:>3}. {hit.score:.3f}  {one_line(where)}\n     {one_line(text)}"


def log_level() -> str:
    """Return the level from which on logs are written: `PLINTH_LOG`, else warnings."""
    return os.environ.get("PLINTH_LOG", "WARNING").upper()


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost.

    Args:
        question: Ends with a question mark; may hold any text.
        yes: Whether the answer was given on the command line.

    Raises:
        BadParameter: there is no terminal to ask on.
        Abort: the answer is no.
    """
    import typer

    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on; add --yes")
    typer.confirm(printable(question), abort=True, err=True)
