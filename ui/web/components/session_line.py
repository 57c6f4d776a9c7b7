"""A session in one line."""

from __future__ import annotations

from datetime import datetime, tzinfo

from assistant.store.types import SessionSummary
from ui.web.shown_text import plain

BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
"""Names in what browsers call themselves, the telling ones first: most claim to be others too."""
NAMES = {"Edg": "Edge", "OPR": "Opera"}
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")


def describe_session(session: SessionSummary, now: datetime, zone: tzinfo | None) -> str:
    """Return a line of Markdown: which browser, where, and when it was last used."""
    seen = datetime.fromtimestamp(session.seen_at, now.tzinfo)
    minutes = (now - seen).total_seconds() / 60
    when = "now" if minutes < 2 else f"{seen.astimezone(zone):%d %b %Y, %H:%M}"
    where = plain(session.address) or "unknown address"
    return f"{browser_name(session.browser)} at {where}, last used {when}"


def browser_name(agent: str) -> str:
    """Return what people call a browser and its system.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140 Safari/537.36")
    'Chrome on Linux'
    >>> browser_name("curl/8")
    'Unknown browser'
    """
    browser = next((name for name in BROWSERS if name in agent), None)
    system = next((name for name in SYSTEMS if name in agent), None)
    known = NAMES.get(browser or "", browser) or "Unknown browser"
    return f"{known} on {system}" if system else known
