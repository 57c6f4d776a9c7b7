"""The two addresses of signing in by a provider: one sends the browser there, one takes it back."""

from __future__ import annotations

import logging
from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from assistant.errors import SignInRefusedError
from ui.web import resources
from ui.web.access_rules import OPENID_END_PATH, OPENID_START_PATH, SIGN_IN_PATH
from ui.web.cookies import OPENID_COOKIE, cookie_value, openid_cookie
from ui.web.logs import new_request_id
from ui.web.openid.client import OpenIdClient
from ui.web.openid.errand import LASTS_S
from ui.web.openid.errors import OpenIdError, ProviderUnavailableError, StrayAnswerError
from ui.web.sign_in_pages import (
    BUSY,
    TOO_OFTEN,
    browser_of,
    page,
    safe_address,
    sender_of,
    signed_in,
)
from ui.web.throttle import Throttle

MOST_AT_A_TIME = 32
"""Requests that wait for the provider."""
NOT_ALLOWED = "You may not sign in here with this account. Ask your admin to add you."
UNAVAILABLE = "The sign-in service of your company does not answer as it should. Try again later."
FAILED = "Signing in did not work. Try again from the beginning."
_LOG = logging.getLogger(__name__)


class OpenIdPages:
    """The routes of signing in by a provider.

    Args:
        client: What this program is to the provider.
        throttle: Counts failures, also those of other ways.
    """

    def __init__(self, client: OpenIdClient, throttle: Throttle) -> None:
        self._client = client
        self._throttle = throttle
        self._n_waiting = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(OPENID_START_PATH, self.start, methods=["GET"]),
            Route(OPENID_END_PATH, self.end, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Send a browser to the provider, if somebody clicked on our own page."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return RedirectResponse(SIGN_IN_PATH, 303)
        if (refusal := self._refusal(request)) is not None:
            return refusal
        self._n_waiting += 1
        try:
            departure = await self._client.depart(
                wanted=safe_address(request.query_params.get("next", "")), back_at=_back_at(request)
            )
        except ProviderUnavailableError as error:
            return _failed(UNAVAILABLE, 502, error)
        finally:
            self._n_waiting -= 1
        response = RedirectResponse(departure.address, 303, {"Cache-Control": "no-store"})
        response.headers["set-cookie"] = _cookie(departure.cookie, LASTS_S)
        return response

    async def end(self, request: Request) -> Response:
        """Sign in who comes back from the provider; then the errand's cookie ends.

        It stays where what comes does not belong to it: anybody's link can lead here.
        """
        is_page = request.headers.get("sec-fetch-dest", "document") == "document"
        if not is_page or "sec-purpose" in request.headers:
            # A picture or a frame in somebody's page: the provider sends whole pages only.
            return PlainTextResponse("Open this address as a page.", 403)
        response = self._refusal(request)
        if response is None:
            self._n_waiting += 1
            try:
                response = await self._ended(request)
            except StrayAnswerError as error:  # nobody's guess: what would have to be is too long
                response = _failed(FAILED, 403, error)
            else:
                response.headers.append("set-cookie", _cookie("", 0))
            finally:
                self._n_waiting -= 1
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _ended(self, request: Request) -> Response:
        accounts, address = resources.current().accounts, sender_of(request)

        async def is_linked(subject: str) -> bool:
            return await run_sync(accounts.is_linked, subject)

        try:
            arrival = await self._client.arrive(
                request.query_params,
                cookie=cookie_value(
                    request.headers.get("cookie", ""), OPENID_COOKIE, is_secure=_is_secure()
                ),
                back_at=_back_at(request),
                is_linked=is_linked,
            )
            sign_in = partial(
                accounts.sign_in_by_provider,
                arrival.identity,
                browser=browser_of(request),
                address=address,
            )
            secret = await run_sync(sign_in)
        except ProviderUnavailableError as error:  # nobody failed here
            return _failed(UNAVAILABLE, 502, error)
        except StrayAnswerError:
            raise
        except OpenIdError as error:
            self._throttle.count_failure(None, address)
            note = partial(accounts.note_provider_failure, error.reason, address=address)
            await run_sync(note)
            return _failed(FAILED, 403, error)
        except SignInRefusedError as error:
            self._throttle.count_failure(None, address)
            return _failed(NOT_ALLOWED, 403, error)
        return await signed_in(request, secret, arrival.wanted)

    def _refusal(self, request: Request) -> Response | None:
        """Return what to answer at once; None: the provider may be asked."""
        if not self._throttle.is_open(None, sender_of(request)):
            return _message(TOO_OFTEN, 429)
        if self._n_waiting >= MOST_AT_A_TIME:
            return _message(BUSY, 503)
        return None


def _back_at(request: Request) -> str:
    """Return the address that the provider sends browsers back to."""
    set_address = resources.current().settings.sign_in.address.rstrip("/")
    here = f"{request.url.scheme}://{request.url.netloc}"
    return (set_address or here) + OPENID_END_PATH


def _cookie(value: str, lasts_s: float) -> str:
    return openid_cookie(value, is_secure=_is_secure(), lasts_s=lasts_s)


def _is_secure() -> bool:
    return resources.current().settings.sign_in.is_secure


def _failed(problem: str, status: int, error: Exception) -> Response:
    """Tell the person what to do, and the operator what it was, by the same number."""
    error_id = new_request_id()
    _LOG.warning(
        "sign-in by the provider failed: %s", error, extra={"fields": {"error_id": error_id}}
    )
    return _message(f"{problem} If it goes on, tell an admin this number: {error_id}", status)


def _message(problem: str, status: int) -> Response:
    return page(
        "message.html",
        status,
        title="You are not signed in",
        problem=problem,
        address=SIGN_IN_PATH,
        label="Back to signing in",
    )
