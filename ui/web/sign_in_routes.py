"""Signing in: by name and password, or by a link that works once. Plain pages without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qs, urlencode

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assistant.errors import SignInRefusedError, WeakPasswordError
from assistant.passwords import AT_A_TIME, MIN_CHARS
from ui.addresses import LINK_PATH, SECRET
from ui.web import resources
from ui.web.access_rules import OPENID_START_PATH, SIGN_IN_PATH
from ui.web.sign_in_pages import BUSY, TOO_OFTEN, browser_of, page, sender_of, signed_in
from ui.web.throttle import Throttle

MOST_FORM_BYTES = 8192
MOST_WAITING = 32
"""Sign-ins that wait for their turn; each turn takes a fifth of a second of a core."""
DIFFERENT = "The two passwords are different."
LINK_ENDED = "This link does not work any more"

T = TypeVar("T")


class SignInPages:
    """The routes of signing in.

    Args:
        throttle: Counts failures, also those of other ways.
    """

    def __init__(self, throttle: Throttle | None = None) -> None:
        self._throttle = throttle or Throttle()
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
        wanted, address = form.get("next", ""), sender_of(request)

        def refused(problem: str, status: int) -> Response:
            return _sign_in_page(next_address=wanted, name=name, problem=problem, status=status)

        accounts, browser = resources.current().accounts, browser_of(request)

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
        return await signed_in(request, secret, wanted)

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
                    browser=browser_of(request),
                    address=sender_of(request),
                )
            )
        except WeakPasswordError as error:
            return await self._link_page(secret, problem=_sentence(str(error)), status=422)
        except SignInRefusedError:
            return await self._link_page("")
        except anyio.WouldBlock:
            return await self._link_page(secret, problem=BUSY, status=503)
        return await signed_in(request, session, "/")

    async def _link_page(self, secret: str, problem: str = "", status: int = 200) -> Response:
        owner = await run_sync(resources.current().accounts.link_owner, secret)
        if owner is None:
            return page(
                "message.html",
                404,
                title=LINK_ENDED,
                problem="It was used already, or its time has run out. Ask an admin for a new one.",
                address=SIGN_IN_PATH,
                label="Sign in with a password",
            )
        return page(
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


def _sign_in_page(
    *, next_address: str, name: str = "", problem: str = "", status: int = 200
) -> Response:
    openid = resources.current().settings.openid
    query = f"?{urlencode({'next': next_address})}" if next_address else ""
    return page(
        "sign_in.html",
        status,
        title="Sign in",
        problem=problem,
        next=next_address,
        name=name,
        provider=openid.label if openid.is_on else "",
        provider_address=OPENID_START_PATH + query,
    )


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


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
