"""The checkable facts of a sentence: quantities, dates, times of day, names, negated words.

A claim is checked against what the evidence states: every quantity, date and time claimed must be
stated, with the same unit where both name one; every name must occur; nothing may be negated
that the evidence affirms, nor the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from assistant.text import STOP_WORDS, stems, words

_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MONTH = {name: number for number, full in enumerate(_MONTHS, 1) for name in (full, full[:3])}
_MONTH["sept"] = 9
_MONTH_PATTERN = "|".join(sorted(_MONTH, key=len, reverse=True))

_DATE_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b",
        rf"\b(?P<name>{_MONTH_PATTERN})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})\b",
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:day\s+of\s+)?"
        rf"(?P<name>{_MONTH_PATTERN})\.?,?\s+(?P<y>\d{{4}})\b",
        rf"\b(?P<name>{_MONTH_PATTERN})\.?,?\s+(?P<y>\d{{4}})\b",
        rf"\b(?P<name>{_MONTH_PATTERN})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*,?\s*\d)",
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<name>{_MONTH_PATTERN})\b",
    )
)

_CLOCK = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b\.?"
    r"|\b(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)\b",
    re.IGNORECASE,
)
_YEARS = range(1000, 2101)
"""A whole number without a unit in this range is most likely a year."""
_HALF_DAY_MIN = 12 * 60
_DATE_KINDS = frozenset({"year", "date", "time"})
"""Kinds of `values_of` that tell when something is."""

_UNITS = {
    "%": "%", "percent": "%", "pct": "%", "per cent": "%",
    "$": "$", "usd": "$", "us$": "$", "dollar": "$", "dollars": "$",
    "€": "€", "eur": "€", "euro": "€", "euros": "€",
    "£": "£", "gbp": "£", "pound": "£", "pounds": "£",
    "second": "s", "seconds": "s", "minute": "min", "minutes": "min",
    "hour": "h", "hours": "h", "hr": "h", "hrs": "h",
    "day": "day", "days": "day", "week": "week", "weeks": "week",
    "month": "month", "months": "month", "year": "year", "years": "year",
    "km": "km", "kilometers": "km", "kilometres": "km", "miles": "mile", "mile": "mile",
    "kg": "kg", "gb": "gb", "mb": "mb", "tb": "tb",
}  # fmt: skip
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_COUNTED = re.compile(r"\bin (thousand|million|billion|trillion)s\b", re.IGNORECASE)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBER_WORDS = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * value for value, word in enumerate(_TENS, 2)
}
_QUANTITY = re.compile(
    r"(?P<sign>US\$|[$€£])?\s?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:st|nd|rd|th)?(?:\s*(?P<scale>thousand|million|billion|trillion)\b)?"
    r"(?:[\s-]*(?:\(\d+\)\s*)?(?:business\s+|calendar\s+|working\s+)?"
    r"(?P<unit>%|per\s?cent\b|[^\W\d_]+))?",
    re.IGNORECASE,
)
_WORD_QUANTITY = re.compile(
    rf"\b(?P<tens>{'|'.join(_TENS)})?[\s-]?(?P<small>{'|'.join(_SMALL)})?\b"
    r"(?:\s*\(\d+\))?[\s-]+(?:business\s+|calendar\s+|working\s+)?(?P<unit>[^\W\d_]+)?",
    re.IGNORECASE,
)

_NEGATIONS = frozenset(
    "not no never none neither nor without cannot can't won't don't doesn't didn't isn't aren't "
    "wasn't weren't shouldn't mustn't excluded excludes excluding prohibited forbidden".split()
)
_BOUNDS = re.compile(
    r"\b(?:not|no)\s+(?:more|less|fewer|later|earlier|limited|longer|only|exceed\w*)\b",
    re.IGNORECASE,
)
"""Idioms that look like negations but bound a quantity or extend a list."""
_REACH = 4
"""A negation is taken to reach this many words to its right."""
_LEAD = re.compile(
    r"^\s*(?:(?:[-•*]|\(?\d{1,2}[.)])\s+)?(?:(?:yes|no)\s*[,.:;–—-]\s*)?",
    re.IGNORECASE | re.MULTILINE,
)
"""List mark and verdict before a line: neither is a quantity or a negation of its own."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with the unit that stands beside it, in one spelling."""

    value: Decimal
    unit: str | None


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as far as it is given."""

    year: int | None
    month: int
    day: int | None

    def agrees(self, stated: PartialDate) -> bool:
        """Tell whether everything given here is given equally there."""
        return (
            self.month == stated.month
            and self.year in (None, stated.year)
            and self.day in (None, stated.day)
        )


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day."""

    minutes: int
    """Since midnight, or since noon where the text does not tell which half of the day."""
    has_half: bool
    """Whether the text tells the half of the day: "pm", or an hour after twelve."""

    def agrees(self, stated: ClockTime) -> bool:
        """Tell whether both can be the same time."""
        if self.has_half and stated.has_half:
            return self.minutes == stated.minutes
        return self.minutes % _HALF_DAY_MIN == stated.minutes % _HALF_DAY_MIN


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text claims or states."""

    quantities: frozenset[Quantity]
    dates: frozenset[PartialDate]
    times: frozenset[ClockTime]
    names: frozenset[str]
    """Case-folded words written with a capital inside a sentence."""
    vocabulary: frozenset[str]
    """What `vocabulary` finds."""
    affirmed: frozenset[str]
    """Stems of content words outside the reach of a negation."""
    negated: frozenset[str]
    """Stems of content words within the reach of a negation."""


def read_facts(text: str) -> Facts:
    """Extract the facts of `text`.

    >>> sorted(str(q.value) for q in read_facts("$1,500 within thirty (30) days").quantities)
    ['1500', '30']
    """
    body = _LEAD.sub("", text)
    rest, dates = _take_dates(body)
    rest, times = _take_times(rest)
    affirmed, negated = _polarity(body)
    return Facts(
        quantities=_quantities(rest),
        dates=dates,
        times=times,
        names=_names(body),
        vocabulary=vocabulary(text),
        affirmed=affirmed,
        negated=negated,
    )


def in_units(row: Facts, note: str) -> Facts:
    """Return the facts of a table's row, its quantities also in the unit that a note names.

    "$96,388" below "In millions" states $96,388 million.

    Args:
        row: As read.
        note: What is known of the table; may name no unit.
    """
    counted = _COUNTED.search(note)
    if counted is None:
        return row
    exponent = _SCALES[counted[1].lower()]
    scaled = {Quantity(q.value.scaleb(exponent).normalize() + 0, q.unit) for q in row.quantities}
    return replace(row, quantities=row.quantities | scaled)


def values_of(facts: Facts) -> dict[str, frozenset[Hashable]]:
    """Return quantities, dates and times by kind: only values of one kind can be exchanged."""
    kinds: dict[str, set[Hashable]] = {}
    for quantity in facts.quantities:
        is_year = quantity.unit is None and quantity.value in _YEARS
        kind = "year" if is_year else f"quantity {quantity.unit or ''}"
        kinds.setdefault(kind, set()).add(quantity.value)
    return {kind: frozenset(values) for kind, values in kinds.items()} | {
        kind: frozenset[Hashable](values)
        for kind, values in (("date", facts.dates), ("time", facts.times))
        if values
    }


def states_date(text: str) -> bool:
    """Tell whether a text states a date, a year or a time of day."""
    return not _DATE_KINDS.isdisjoint(values_of(read_facts(text)))


def states_number(text: str) -> bool:
    """Tell whether a text states a quantity that is no year."""
    return bool(values_of(read_facts(text)).keys() - _DATE_KINDS)


def vocabulary(text: str) -> frozenset[str]:
    """Return every case-folded word of a text, whole and by its parts at apostrophes.

    >>> sorted(vocabulary("Anna's and O’Neil"))
    ['and', 'anna', "anna's", 'neil', 'o', 'o’neil', 's']
    """
    found = words(text)
    return frozenset(part for word in found for part in (word, *_APOSTROPHE.split(word)))


def unstated(claim: Facts, evidence: Facts) -> tuple[str, ...]:
    """Name the facts of `claim` that `evidence` does not state; empty when all are stated.

    Negation counts as `negation` when one side negates what the other affirms.
    """
    missing = [
        f"{quantity.value}{quantity.unit or ''}"
        for quantity in claim.quantities
        if not any(
            quantity.value == stated.value and _same_unit(quantity.unit, stated.unit)
            for stated in evidence.quantities
        )
        and not _is_part_of_date(quantity, evidence.dates)
        and not _is_hour(quantity, evidence.times)
    ]
    missing += [
        f"{date.year or ''}-{date.month}-{date.day or ''}"
        for date in claim.dates
        if not any(date.agrees(stated) for stated in evidence.dates)
    ]
    missing += [
        f"{time.minutes // 60:02}:{time.minutes % 60:02}"
        for time in claim.times
        if not any(time.agrees(stated) for stated in evidence.times)
    ]
    missing += _unknown_names(claim.names - evidence.vocabulary, evidence.vocabulary)
    if _contradicts(claim, evidence):
        missing.append("negation")
    return tuple(sorted(missing))


def _unknown_names(names: frozenset[str], vocabulary: frozenset[str]) -> list[str]:
    """Leave out names that are written there in another form: "Awards", "Award"."""
    if not names:
        return []
    known = frozenset(stems(sorted(vocabulary)))
    return [name for name in names if not known.intersection(stems([name]))]


def _same_unit(left: str | None, right: str | None) -> bool:
    return left is None or right is None or left == right


def _is_part_of_date(quantity: Quantity, dates: frozenset[PartialDate]) -> bool:
    return quantity.unit is None and any(quantity.value in (date.year, date.day) for date in dates)


def _is_hour(quantity: Quantity, times: frozenset[ClockTime]) -> bool:
    """Tell whether "at 9" can mean one of the times stated: "9:00", "9 am"."""
    full_hours = {time.minutes // 60 for time in times if time.minutes % 60 == 0}
    return quantity.unit is None and bool({quantity.value, quantity.value + 12} & full_hours)


def _contradicts(claim: Facts, evidence: Facts) -> bool:
    """Tell whether one side, with no negation at all, affirms words that the other negates."""
    if claim.negated and not evidence.negated:
        return len(claim.negated & evidence.affirmed) >= min(2, len(claim.negated))
    if evidence.negated and not claim.negated:
        clash = claim.affirmed & (evidence.negated - evidence.affirmed)
        return len(clash) >= min(2, len(evidence.negated))
    return False


def _take_dates(text: str) -> tuple[str, frozenset[PartialDate]]:
    found: set[PartialDate] = set()
    for pattern in _DATE_PATTERNS:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = _MONTH[parts["name"].lower()] if parts.get("name") else int(parts["m"])
            found.add(
                PartialDate(
                    year=int(parts["y"]) if parts.get("y") else None,
                    month=month,
                    day=int(parts["d"]) if parts.get("d") else None,
                )
            )
        text = pattern.sub(" ; ", text)
    return text, frozenset(found)


def _take_times(text: str) -> tuple[str, frozenset[ClockTime]]:
    found: set[ClockTime] = set()
    for match in _CLOCK.finditer(text):
        hour = int(match["hour"] or match["hour24"])
        minute = int(match["minute"] or match["minute24"] or 0)
        half = (match["half"] or "").lower()
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        # "06:16" and "23:51" are of a clock with 24 hours, "9:30" may be either.
        whole_day = hour > 12 or (match["hour24"] or "").startswith("0")
        found.add(ClockTime(60 * hour + minute, has_half=bool(half) or whole_day))
    return _CLOCK.sub(" ; ", text), frozenset(found)


def _quantities(text: str) -> frozenset[Quantity]:
    found = set()
    for match in _QUANTITY.finditer(text):
        try:
            value = Decimal(match["number"].replace(",", ""))
        except InvalidOperation:  # pragma: no cover - the pattern admits only numbers
            continue
        if match["scale"]:
            value = value.scaleb(_SCALES[match["scale"].lower()])
        unit = _UNITS.get((match["sign"] or match["unit"] or "").lower().replace("per cent", "%"))
        found.add(Quantity(value.normalize() + 0, unit))
    for match in _WORD_QUANTITY.finditer(text):
        tens, small = match["tens"], match["small"]
        # "one" alone is mostly a pronoun, and any text may state it without saying so.
        if not tens and (not small or small.lower() in ("one", "zero")):
            continue
        number = sum(_NUMBER_WORDS[word.lower()] for word in (tens, small) if word)
        found.add(
            Quantity(Decimal(number).normalize() + 0, _UNITS.get((match["unit"] or "").lower()))
        )
    return frozenset(found)


_APOSTROPHE = re.compile("['’]")
_NAME = re.compile(r"(?<![.!?:•\n])(?<=[\w,;)\"'’”/(-])[ (\"“'/-]+([A-Z][\w&.-]*[\w])")


def _names(text: str) -> frozenset[str]:
    """Words with a capital that no sentence start explains."""
    return frozenset(
        _APOSTROPHE.split(word)[0]
        for match in _NAME.findall(text)
        for word in words(match)
        if word not in STOP_WORDS and word not in _MONTH
    )


def _polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    tokens = words(_BOUNDS.sub(" ", text))
    affirmed: list[str] = []
    negated: list[str] = []
    reach = 0
    for token in tokens:
        if token in _NEGATIONS:
            reach = _REACH
            continue
        if token not in STOP_WORDS and not token[0].isdigit():
            (negated if reach > 0 else affirmed).append(token)
        reach -= 1
    return frozenset(stems(affirmed)), frozenset(stems(negated))
