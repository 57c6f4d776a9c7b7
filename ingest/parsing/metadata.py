"""Titles and dates as files state them, cleaned of what programs write by themselves."""

from __future__ import annotations

import re
from datetime import date, datetime
from email.utils import parsedate_to_datetime

from ingest.parsing.normalise import normalise_line

_PROGRAM_PREFIX = re.compile(r"^(?:microsoft (?:word|powerpoint|excel|office \w+)|word) - ", re.I)
_FILE_NAME = re.compile(
    r"^\S.*\.(?:docx?|dotx?|pdf|pptx?|xlsx?|odt|rtf|txt|indd|qxd|tex|dvi|ps|html?|md|wpd|pages)$",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"^(?:\(?(?:untitled|unbenannt|sans titre|sin título|no title|title|null|none|n/?a|anonymous"
    r"|unknown|unspecified)\)?|(?:document|slide|sheet|book|presentation|worksheet|layout)[\s_-]*"
    r"\d*|powerpoint[- ]presentation|pdf (?:document|file)|[\W\d_]*)$",
    re.I,
)
_PDF_DATE = re.compile(r"^D:(\d{4})(\d{2})?(\d{2})?")
_ISO_DATE = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_MONTHS = "january february march april may june july august september october november december"
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS.split())
_MONTH_FIRST = re.compile(rf"^({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})$", re.I)
_DAY_FIRST = re.compile(rf"^(\d{{1,2}})(?:st|nd|rd|th|\.)? ({_MONTH})\.?,? (\d{{4}})$", re.I)


def meaningful_title(raw: str) -> str:
    """Return the title in `raw`, or "" where a program wrote a placeholder or a file's name.

    >>> meaningful_title("Microsoft Word - Travel policy"), meaningful_title("scan_017.doc")
    ('Travel policy', '')
    """
    title = _PROGRAM_PREFIX.sub("", normalise_line(raw)).strip()
    if len(title) > 300 or _PLACEHOLDER.match(title) or _FILE_NAME.match(title):
        return ""
    return title


def iso_date(raw: object) -> str | None:
    """Return the day that a metadata value names as YYYY-MM-DD; None where it names none.

    Reads ISO 8601, PDF dates, mail dates and English long dates; all-number dates whose order
    of day and month is open are not guessed.

    >>> iso_date("D:20230307125242-08'00'"), iso_date("August 5, 2019"), iso_date("03/04/2020")
    ('2023-03-07', '2019-08-05', None)
    """
    if isinstance(raw, date):  # a datetime is one too
        return _day(raw.year, raw.month, raw.day)
    text = normalise_line(str(raw))[:64] if raw else ""
    if match := _PDF_DATE.match(text):
        year, month, day = (int(part or 1) for part in match.groups())
        return _day(year, month, day)
    if match := _ISO_DATE.match(text):
        return _day(*map(int, match.groups()))
    if match := _MONTH_FIRST.match(text):
        return _day(int(match[3]), _month(match[1]), int(match[2]))
    if match := _DAY_FIRST.match(text):
        return _day(int(match[3]), _month(match[2]), int(match[1]))
    try:
        sent = parsedate_to_datetime(text)
    except ValueError:
        return None
    return _day(sent.year, sent.month, sent.day)


def _month(name: str) -> int:
    return [month[:3] for month in _MONTHS.split()].index(name[:3].lower()) + 1


def _day(year: int, month: int, day: int) -> str | None:
    """Return the ISO form of a date that a program may truly have written."""
    try:
        found = datetime(year, month, day)  # noqa: DTZ001 - a day has no zone
    except ValueError:
        return None
    # 1601, 1900, 1904 and 1970 are the zeros of clocks.
    return found.date().isoformat() if year > 1970 else None
