"""Signing in: by name and password, or by a link that works once. Plain pages without scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from string import Template
from typing import TypeVar
from urllib.parse import parse_qs

import anyio
from anyio.to_thread import run_sync
from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from assistant.access import Role
from assistant.errors import SignInRefusedError, WeakPasswordError
from assistant.passwords import AT_A_TIME, MIN_CHARS
from ui.addresses import LINK_PATH, SECRET
from ui.web import resources
from ui.web.access_rules import SIGN_IN_PATH
from ui.web.cookies import EARLIER_COOKIE, cookie_value, session_cookie
from ui.web.navigation import PAGES
from ui.web.resources import Resources
from ui.web.theme import colours
from ui.web.throttle import Throttle

MOST_FORM_BYTES = 8192
MOST_WAITING = 32
"""Sign-ins that wait for their turn; each turn takes a fifth of a second of a core."""
TOO_OFTEN = "Too many attempts. Wait a minute, then try again."
BUSY = "Many people are signing in at the moment. Try again in a few seconds."
DIFFERENT = "The two passwords are different."
LINK_ENDED = "This link does not work any more"

T = TypeVar("T")
_pages = Environment(loader=PackageLoader("ui.web", "templates"), autoescape=True)


class SignInPages:
    """The routes of signing in."""

    def __init__(self) -> None:
        self._throttle = Throttle()
        self._turns: anyio.CapacityLimiter | None = None

    def routes(self) -> list[Route]:
        """Return the routes; they are the only pages for who is not signed in."""
        return [
            Route(SIGN_IN_PATH, self.show, methods=["GET"]),
            Route(SIGN_IN_PATH, self.sign_in, methods=["POST"]),
            Route(LINK_PATH, self.show_link, methods=["GET"]),
            Route(LINK_PATH, self.use_link, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form for name and password."""
        return _sign_in_page(next_address=request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Sign in by name and password, then lead to the page that was wanted."""
        form = await _form(request)
        if form is None:
            return _too_long()
        name, password = form.get("name", ""), form.get("password", "")
        wanted, address = form.get("next", ""), _address(request)

        def refused(problem: str, status: int) -> Response:
            return _sign_in_page(next_address=wanted, name=name, problem=problem, status=status)

        accounts, browser = resources.current().accounts, _browser(request)

        def verify() -> str | None:
            # Asked again in turn: of many at a time, those before may have failed meanwhile.
            if not self._throttle.is_open(name, address):
                return None
            return accounts.sign_in(name, password, browser=browser, address=address)

        if not self._throttle.is_open(name, address):
            return refused(TOO_OFTEN, 429)
        try:
            secret = await self._in_turn(verify)
        except SignInRefusedError:
            self._throttle.count_failure(name, address)
            return refused("Name and password do not fit.", 403)
        except anyio.WouldBlock:
            return refused(BUSY, 503)
        if secret is None:
            return refused(TOO_OFTEN, 429)
        return await self._signed_in(request, secret, safe_address(wanted))

    async def show_link(self, request: Request) -> Response:
        """Show whom a link signs in; following it changes nothing: mail scanners do so, too."""
        return await self._link_page(request.query_params.get(SECRET, ""))

    async def use_link(self, request: Request) -> Response:
        """Sign in by a link, with a new password or without."""
        form = await _form(request)
        if form is None:
            return _too_long()
        secret, password = form.get(SECRET, ""), form.get("password", "")
        keeps = "later" in form or not (password or form.get("again"))
        if not keeps and password != form.get("again"):
            return await self._link_page(secret, problem=DIFFERENT, status=422)
        accounts = resources.current().accounts
        try:
            session = await self._in_turn(
                lambda: accounts.use_link(
                    secret,
                    password=None if keeps else password,
                    browser=_browser(request),
                    address=_address(request),
                )
            )
        except WeakPasswordError as error:
            return await self._link_page(secret, problem=_sentence(str(error)), status=422)
        except SignInRefusedError:
            return await self._link_page("")
        except anyio.WouldBlock:
            return await self._link_page(secret, problem=BUSY, status=503)
        return await self._signed_in(request, session, "/")

    async def _link_page(self, secret: str, problem: str = "", status: int = 200) -> Response:
        owner = await run_sync(resources.current().accounts.link_owner, secret)
        if owner is None:
            return _page(
                "message.html",
                404,
                title=LINK_ENDED,
                problem="It was used already, or its time has run out. Ask an admin for a new one.",
                address=SIGN_IN_PATH,
                label="Sign in with a password",
            )
        return _page(
            "link.html",
            status,
            title="Welcome",
            problem=problem,
            secret=secret,
            name=owner.name,
            has_password=owner.has_password,
            least=MIN_CHARS,
        )

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Run something slow beside few others of its kind.

        Raises:
            WouldBlock: too many wait already.
        """
        if self._turns is None:  # needs a running event loop
            self._turns = anyio.CapacityLimiter(AT_A_TIME)
        if self._turns.statistics().tasks_waiting >= MOST_WAITING:
            raise anyio.WouldBlock
        return await run_sync(work, limiter=self._turns)

    async def _signed_in(self, request: Request, secret: str, wanted: str) -> Response:
        opened = resources.current()
        await run_sync(_take_over, opened, request.headers.get("cookie", ""), secret)
        settings = opened.settings.sign_in
        response = RedirectResponse(wanted, 303)
        response.headers["set-cookie"] = session_cookie(
            secret,
            is_secure=settings.address.startswith("https:"),
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
    person, before = accounts.person(secret), accounts.person(cookie_value(cookies))
    if before is not None:
        accounts.sign_out(before.session_id, by=before.name)
    earlier = cookie_value(cookies, EARLIER_COOKIE)
    if person is not None and person.role is Role.ADMIN and earlier:
        owner = "browser:" + hashlib.sha256(earlier.encode()).hexdigest()[:32]
        accounts.adopt_conversations(owner, person)


def _sign_in_page(
    *, next_address: str, name: str = "", problem: str = "", status: int = 200
) -> Response:
    return _page(
        "sign_in.html", status, title="Sign in", problem=problem, next=next_address, name=name
    )


def _page(template: str, status: int, **values: object) -> Response:
    text = _pages.get_template(template).render(style=_style(), **values)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


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


def _too_long() -> Response:
    return PlainTextResponse("This form is too long.", 413)


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a small form; None if it is larger."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM_BYTES:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
