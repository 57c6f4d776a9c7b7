"""Moments of the catalog in the reader's own time zone."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_named(name: str | None) -> tzinfo | None:
    """Return the time zone that a browser names; None if it names none that is known here.

    `datetime.astimezone` takes None for the zone of this machine, which is the reader's too.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
