"""The cookie that holds a session's secret."""

from __future__ import annotations

COOKIE = "plinth_session"
EARLIER_COOKIE = "plinth_browser"
"""By which a browser's conversations were found again before people signed in."""


def cookie_value(header: str, name: str = COOKIE) -> str:
    """Return a cookie's value from a Cookie header; empty where there is none.

    Ours need no unquoting, and what other programs on this host put there is theirs.

    >>> cookie_value('a={"x": 1}; plinth_session=s3cret')
    's3cret'
    """
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def session_cookie(secret: str, *, is_secure: bool, lasts_s: float) -> str:
    """Return the Set-Cookie header that keeps a session's secret.

    Lax, not strict: who follows a link to a page from a mail is signed in. No other site's page
    can send it along with anything that changes something.
    """
    secure = "; Secure" if is_secure else ""
    return f"{COOKIE}={secret}; Path=/; Max-Age={int(lasts_s)}; HttpOnly; SameSite=Lax{secure}"
