"""Moments of the catalog in the reader's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
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


def moment(at: str, zone: str | None) -> str:
    """Return an ISO time (UTC) in a reader's time zone; in UTC, and said so, if that is unknown.

    >>> moment("2026-03-01T09:05:00+00:00", None)
    '01 Mar 2026, 09:05 UTC'
    """
    local = datetime.fromisoformat(at).astimezone(zone_named(zone) or UTC)
    return f"{local:%d %b %Y, %H:%M}{'' if local.tzinfo is not UTC else ' UTC'}"
