"""What all ways of signing in share: their pages, who asks, and what follows."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from string import Template

from anyio.to_thread import run_sync
from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assistant.access import Role
from ui.web import resources
from ui.web.cookies import EARLIER_COOKIE, cookie_value, session_cookie
from ui.web.navigation import PAGES
from ui.web.resources import Resources
from ui.web.theme import colours

TOO_OFTEN = "Too many attempts. Wait a minute, then try again."
BUSY = "Many people are signing in at the moment. Try again in a few seconds."

_pages = Environment(loader=PackageLoader("ui.web", "templates"), autoescape=True)


def page(template: str, status: int, **values: object) -> Response:
    """Return a page without scripts.

    Args:
        template: Name of a file in `templates`.
        status: Of the response.
        values: For the template: all of them are shown as text.
    """
    text = _pages.get_template(template).render(style=_style(), **values)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def sender_of(request: Request) -> str:
    """Return the address from which a request comes."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """Return what a browser calls itself."""
    return request.headers.get("user-agent", "")


async def signed_in(request: Request, secret: str, wanted: str) -> Response:
    """Give a browser its new session, and lead it on.

    Args:
        request: What was signed in with.
        secret: Of the session.
        wanted: Where to; see `safe_address`.
    """
    opened = resources.current()
    await run_sync(_take_over, opened, request.headers.get("cookie", ""), secret)
    settings = opened.settings.sign_in
    response = RedirectResponse(safe_address(wanted), 303)
    response.headers["set-cookie"] = session_cookie(
        secret,
        is_secure=settings.is_secure,
        lasts_s=settings.longest_hours * 3600,
    )
    return response


def safe_address(wanted: str) -> str:
    r"""Return where to go after signing in: one of our own pages, else the first one.

    >>> safe_address("/documents?x=1"), safe_address("//evil.example"), safe_address("/\\evil")
    ('/documents?x=1', '/', '/')
    """
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return "/"
    path = wanted.partition("?")[0]
    is_page = path == "/" or path.removeprefix("/") in PAGES
    return wanted if is_page else "/"


def _take_over(opened: Resources, cookies: str, secret: str) -> None:
    """End the browser's earlier session, and give an admin what it held before people signed in."""
    accounts = opened.accounts
    present = cookie_value(cookies, is_secure=opened.settings.sign_in.is_secure)
    person, before = accounts.person(secret), accounts.person(present)
    if before is not None:
        accounts.sign_out(before.session_id, by=before.name)
    earlier = cookie_value(cookies, EARLIER_COOKIE)
    if person is not None and person.role is Role.ADMIN and earlier:
        owner = "browser:" + hashlib.sha256(earlier.encode()).hexdigest()[:32]
        accounts.adopt_conversations(owner, person)


@cache
def _style() -> str:
    template = Template((Path(__file__).parent / "assets" / "sign_in.css").read_text("utf-8"))
    values: dict[str, str] = {}
    for name in set(template.get_identifiers()):
        if name.startswith("dark"):
            values[name] = colours(name[4].lower() + name[5:])[1]
        else:
            values[name] = colours(name)[0]
    return template.substitute(values)
