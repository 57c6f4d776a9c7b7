"""The cookies: of a session's secret, and of a sign-in by a provider that is under way."""

from __future__ import annotations

COOKIE = "plinth_session"
EARLIER_COOKIE = "plinth_browser"
"""By which a browser's conversations were found again before people signed in."""
OPENID_COOKIE = "plinth_openid"


def cookie_name(name: str, *, is_secure: bool) -> str:
    """Return what a cookie is called: over TLS, so that only this very host can have set it.

    Without the prefix, a page of another host below the same domain could put its own in place.

    >>> cookie_name(COOKIE, is_secure=True)
    '__Host-plinth_session'
    """
    return f"__Host-{name}" if is_secure else name


def cookie_value(header: str, name: str = COOKIE, *, is_secure: bool = False) -> str:
    """Return a cookie's value from a Cookie header; empty where there is none, or more than one.

    Ours need no unquoting, and what other programs on this host put there is theirs.

    >>> cookie_value('a={"x": 1}; plinth_session=s3cret')
    's3cret'
    """
    wanted = cookie_name(name, is_secure=is_secure)
    pairs = (part.strip().partition("=") for part in header.split(";"))
    values = [value for key, _, value in pairs if key == wanted]
    return values[0] if len(values) == 1 else ""


def openid_cookie(value: str, *, is_secure: bool, lasts_s: float) -> str:
    """Return the Set-Cookie header that binds a sign-in by a provider to the browser it began in.

    Lax, too: the provider's page leads back here. An empty value that lasts no time removes it.
    """
    return _set_cookie(OPENID_COOKIE, value, is_secure=is_secure, lasts_s=lasts_s)


def session_cookie(secret: str, *, is_secure: bool, lasts_s: float) -> str:
    """Return the Set-Cookie header that keeps a session's secret.

    Lax, not strict: who follows a link to a page from a mail is signed in. No other site's page
    can send it along with anything that changes something.
    """
    return _set_cookie(COOKIE, secret, is_secure=is_secure, lasts_s=lasts_s)


def _set_cookie(name: str, value: str, *, is_secure: bool, lasts_s: float) -> str:
    secure = "; Secure" if is_secure else ""
    return (
        f"{cookie_name(name, is_secure=is_secure)}={value}; Path=/; Max-Age={int(lasts_s)}; "
        f"HttpOnly; SameSite=Lax{secure}"
    )
