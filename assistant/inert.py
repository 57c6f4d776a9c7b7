r"""The one place where foreign text becomes what programs of other people show or compute.

Names, titles, text of documents and answers of models end up on terminals and in files that
spreadsheets and Markdown viewers open. What is written there goes through this module: no control
character reaches a terminal, nothing becomes a formula, a link or a picture.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

STAND_IN = "\ufffd"
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that act instead of being seen: control, direction, private use, halves
of surrogate pairs, separators of lines and paragraphs."""
_FORMULA = re.compile(r"""(^|[,;|\t\r\n"'])(\s*)([=+\-@＝＋－＠])""")
"""What a spreadsheet may take for the beginning of a formula: in a cell of its own, or in one that
begins within a text where columns are cut at another sign than ours (OWASP, CSV injection)."""
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|!&#~$])")
_ADDRESS = re.compile(r"(?i)\b(?:(?:https?|ftp|mailto|xmpp|javascript|data)(?=:)|www(?=\.))")

Cell = str | int | float | bool | None


def is_seen(char: str) -> bool:
    """Tell whether a character shows as itself and does nothing else."""
    return unicodedata.category(char) not in _UNSEEN


def visible(text: str, stand_in: str = STAND_IN, *, kept: str = "") -> str:
    r"""Return a text with something else for what is not seen, but for the characters in `kept`.

    >>> visible("a\x1b[2Jb\n", kept="\n")
    'a�[2Jb\n'
    """
    return "".join(char if char in kept or is_seen(char) else stand_in for char in text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return a value as JSON: inert on a terminal, and where a spreadsheet opens it as text.

    Readers of JSON get exactly the value; characters that act are written as `\u…`.

    >>> json_text({"a": "=1\x1b", "b": -1, "c": "x-y"})
    '{"a": "\\u003d1\\u001b", "b": -1, "c": "x-y"}'
    """
    written = json.dumps(value, ensure_ascii=False, indent=indent)
    return _JSON_TEXT.sub(lambda match: f'"{_json_inert(match[0][1:-1])}"', written)


def csv_lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    r"""Yield a line of CSV for each row, as spreadsheets read it: no cell is a formula.

    Numbers stay numbers. What would begin a formula gets an apostrophe before it.

    >>> list(csv_lines([("=1+1", -1, "a,b")]))
    ['\'=1+1,-1,"a,b"\r\n']
    """
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(map(_cell, row))
        yield line.getvalue()


def markdown(text: str) -> str:
    r"""Return a line of Markdown that shows a text, with no link, picture or table cell in it.

    >>> markdown("![a](http://b) | <img>")
    '\\!\\[a\\](http\u200c://b) \\| \\<img\\>'
    """
    seen = " ".join(visible(text, kept="\n").split())
    return _MARKDOWN.sub(r"\\\1", _ADDRESS.sub("\\g<0>\u200c", seen).replace("@", "@\u200c"))


def _cell(value: Cell) -> Cell:
    if not isinstance(value, str) or _PLAIN_NUMBER.fullmatch(value):
        return value
    return _FORMULA.sub(r"\1\2'\3", visible(value, " "))


def _json_inert(inside: str) -> str:
    """Write out what acts in the inside of a JSON string, which has its escapes already."""
    seen = "".join(char if is_seen(char) else _escape(char) for char in inside)
    return _FORMULA.sub(lambda match: match[1] + match[2] + _escape(match[3]), seen)


def _escape(char: str) -> str:
    return json.dumps(char)[1:-1] if ord(char) > 0x7E else f"\\u{ord(char):04x}"
