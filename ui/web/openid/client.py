"""The authorization code flow: sends a browser to the provider, and learns who comes back.

Source:
    OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (issuer in the answer);
    RFC 9700, section 2.1.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from assistant.settings import OpenIdSettings
from assistant.store.types import ProviderIdentity
from ui.web.openid.errand import Errand, Seal
from ui.web.openid.errors import (
    ProviderRefusedError,
    ProviderUnavailableError,
    StrayAnswerError,
    TokenRefusedError,
    shown,
)
from ui.web.openid.fetching import fetch
from ui.web.openid.metadata import Metadata
from ui.web.openid.provider import Provider
from ui.web.openid.tokens import key_id, verified_claims

SCOPE = "openid profile email"
EMAIL = "email"
MOST_NAME_CHARS = 100
MOST_CODE_CHARS = 4096
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class Departure:
    """A browser's way to the provider."""

    address: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A browser that came back, and whose it is."""

    identity: ProviderIdentity
    wanted: str


class OpenIdClient:
    """What Plinth is to the provider. Of one event loop.

    Args:
        settings: With an issuer.
        clock: Seconds since 1970.
    """

    def __init__(self, settings: OpenIdSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._seal = Seal(clock)
        self._provider = Provider(settings.issuer)

    async def depart(self, *, wanted: str, back_at: str) -> Departure:
        """Return where to send a browser, and what it has to bring back.

        Args:
            wanted: The page to go to afterwards.
            back_at: Our address that the provider sends it back to.

        Raises:
            ProviderUnavailableError: the provider cannot be asked where.
        """
        metadata = await self._provider.metadata()
        errand = self._seal.begin(wanted)
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back_at,
            "scope": SCOPE,
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = metadata.authorization_endpoint
        joint = "&" if "?" in endpoint else "?"
        return Departure(endpoint + joint + urlencode(query), self._seal.close(errand))

    async def arrive(
        self,
        answer: Mapping[str, str],
        *,
        cookie: str,
        back_at: str,
        is_linked: Callable[[str], Awaitable[bool]],
    ) -> Arrival:
        """Return who a browser that came back belongs to.

        Args:
            answer: The fields of the address that it came to.
            cookie: What it brings.
            back_at: That address, without its fields.
            is_linked: Tells whether a subject belongs to somebody already; then no name is needed.

        Raises:
            StrayAnswerError: it did not leave from here, or too long ago.
            ProviderRefusedError: the provider lets nobody in, or does not know the code.
            ProviderUnavailableError: the provider cannot be asked.
            TokenRefusedError: what the provider sent proves nothing.
        """
        errand = self._seal.open(cookie, answer.get("state", ""))
        metadata = await self._provider.metadata()
        issuer = answer.get("iss")
        if issuer != self._settings.issuer and (issuer is not None or metadata.names_itself):
            raise StrayAnswerError(f"the answer is of {shown(issuer)}, not of the provider")
        if "error" in answer:
            raise ProviderRefusedError(f"the provider answers {_error_code(answer['error'])}")
        code = answer.get("code", "")
        if not 0 < len(code) <= MOST_CODE_CHARS:
            raise ProviderRefusedError("the provider sent no code")
        tokens = await self._exchange(metadata, code, errand, back_at)
        claims = await self._claims(metadata, tokens, errand)
        subject = f"{self._settings.issuer}|{claims['sub']}"
        name = None
        if not await is_linked(subject):
            name = await self._name(metadata, claims, tokens)
        return Arrival(ProviderIdentity(subject=subject, name=name), errand.wanted)

    async def _exchange(
        self, metadata: Metadata, code: str, errand: Errand, back_at: str
    ) -> Mapping[str, Any]:
        """Return the tokens that a code stands for; it works once."""
        settings, headers = self._settings, dict[str, str]()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back_at,
            "code_verifier": errand.verifier,
        }
        secret = settings.client_secret.get_secret_value()
        if secret and metadata.takes_basic:
            both = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form["client_id"] = settings.client_id
            if secret:
                form["client_secret"] = secret
        fetched = await fetch(metadata.token_endpoint, form=form, headers=headers)
        if fetched.status != 200:
            said = _error_code(fetched.body.get("error"))
            raise ProviderRefusedError(f"the provider does not take the code: {said}")
        return fetched.body

    async def _claims(
        self, metadata: Metadata, tokens: Mapping[str, Any], errand: Errand
    ) -> Mapping[str, Any]:
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise TokenRefusedError("the provider sent no ID token")
        return verified_claims(
            token,
            await self._provider.keys(key_id(token)),
            algorithms=metadata.algorithms,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=errand.nonce,
            now_s=self._clock(),
        )

    async def _name(
        self, metadata: Metadata, claims: Mapping[str, Any], tokens: Mapping[str, Any]
    ) -> str | None:
        """Return by which name somebody may be found; None where none can be relied on."""
        claim = self._settings.name_claim
        needed = (claim, "email_verified") if claim == EMAIL else (claim,)
        access = tokens.get("access_token")
        if (
            any(one not in claims for one in needed)
            and metadata.userinfo_endpoint
            and isinstance(access, str)
        ):
            claims = await _user_info(metadata.userinfo_endpoint, access, claims["sub"])
        name = claims.get(claim)
        if claim == EMAIL and claims.get("email_verified") is not True:
            return None
        if not isinstance(name, str) or not name.isprintable():
            return None
        return name if 0 < len(name) <= MOST_NAME_CHARS else None


async def _user_info(endpoint: str, access: str, subject: object) -> Mapping[str, Any]:
    """Return what the provider tells of somebody beside the token, where it tells more there."""
    if not (access.isascii() and access.isprintable()):
        raise ProviderUnavailableError("the provider sent an access token that cannot be used")
    fetched = await fetch(endpoint, headers={"Authorization": f"Bearer {access}"})
    if fetched.status != 200:
        raise ProviderUnavailableError(f"the user info comes with status {fetched.status}")
    if fetched.body.get("sub") != subject:
        raise TokenRefusedError("the user info is about somebody else than the token")
    return fetched.body


def _error_code(value: object) -> str:
    is_code = isinstance(value, str) and _ERROR_CODE.fullmatch(value)
    return repr(value) if is_code else "an error without a code"
