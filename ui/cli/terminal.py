"""Text for terminals: nothing from documents or models can move the cursor or pose as a prompt."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from typing import Any

from assistant.types import Citation, Hit


def printable(text: str) -> str:
    """Return `text` with control and format characters, but for line feeds, shown as `�`."""
    return "".join(
        "�" if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") else char
        for char in text
    )


def note(text: str) -> None:
    """Write a line of progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    """Write the result of a command as JSON to stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def place(document: str, page_number: int | None) -> str:
    """Name where a passage stands."""
    return document if page_number is None else f"{document}, page {page_number}"


def citation_line(number: int, citation: Citation) -> str:
    """Write a citation: its 1-based number, place and verbatim quote on one line."""
    quote = " ".join(citation.quote.split())
    return printable(f"[{number}] {place(citation.document, citation.page_number)}: “{quote}”")


def hit_line(hit: Hit) -> str:
    """Write a search hit: rank, score, place and the passage on one line."""
    text = " ".join(hit.chunk.text.split())
    where = place(hit.document.document, hit.chunk.page_number)
    return printable(f"{hit.rank:>3}. {hit.score:.3f}  {where}\n     {text}")


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
