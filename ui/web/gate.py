"""The gate: nothing behind it runs, is read or is buffered for who is not signed in."""

from __future__ import annotations

import logging
from hmac import compare_digest
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.access import Action
from assistant.errors import StoreError
from assistant.store.accounts import Accounts
from ui.web.access_rules import METRICS_PATH, SIGN_IN_PATH, Rule, rule_of
from ui.web.cookies import cookie_value

_LOG = logging.getLogger(__name__)
_POLICY_VIOLATION = 1008
SAFE_METHODS = frozenset({"GET", "HEAD"})


class GateMiddleware:
    """Lets requests pass by `access_rules`; all others end here.

    Args:
        app: What is protected.
        accounts: Tells who is signed in.
        with_openid: Whether people sign in by a provider, too.
        metrics_token: Opens the metrics, and nothing else; empty: only admins see them.
        is_secure: Whether they come by TLS.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        *,
        with_openid: bool = False,
        metrics_token: str = "",
        is_secure: bool = False,
    ) -> None:
        self._app = app
        self._metrics_token = metrics_token
        self._is_secure = is_secure
        self._with_openid = with_openid
        self._accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Before it is accepted: the browser is answered 403, no page's code is reached.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await refusal(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        """Return what to answer instead of passing a request on; None: it may pass."""
        headers = Headers(scope=scope)
        rule = rule_of(scope["path"], with_openid=self._with_openid)
        if rule is None:
            return PlainTextResponse("There is no such page.", 404)
        if not _is_from_here(scope, headers):
            return PlainTextResponse("This request came from another site's page.", 403)
        if rule is Rule.PUBLIC or self._shows_token(scope, headers):
            return None
        try:
            person = await run_in_threadpool(
                self._accounts.person,
                cookie_value(headers.get("cookie", ""), is_secure=self._is_secure),
            )
        except StoreError as error:
            _LOG.error("nobody can be let in: %s", error)
            return PlainTextResponse("The data cannot be read now. Tell an admin.", 503)
        if person is None:
            return _sign_in_first(scope, headers)
        if isinstance(rule, Action) and not person.may(rule):
            return PlainTextResponse("Your role does not allow it.", 403)
        return None

    def _shows_token(self, scope: Scope, headers: Headers) -> bool:
        """Tell whether a program asks for the metrics with the token that is set for it."""
        if scope["type"] != "http" or scope["path"] != METRICS_PATH or not self._metrics_token:
            return False
        wanted = f"Bearer {self._metrics_token}"
        shown = headers.get("authorization", "")
        return scope["method"] in SAFE_METHODS and compare_digest(shown.encode(), wanted.encode())


def _is_from_here(scope: Scope, headers: Headers) -> bool:
    """Tell whether no other site's page sends this; links that lead here may be anywhere."""
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return True
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:  # our forms have no origin to tell, since no page of ours has a referrer
        return site == "same-origin"
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _sign_in_first(scope: Scope, headers: Headers) -> Response:
    is_page = scope["type"] == "http" and scope["method"] == "GET"
    if not is_page or "text/html" not in headers.get("accept", ""):
        return PlainTextResponse("Sign in first.", 401)
    query = scope["query_string"].decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    address = SIGN_IN_PATH + ("" if wanted == "/" else f"?{urlencode({'next': wanted})}")
    return RedirectResponse(address, 303)
