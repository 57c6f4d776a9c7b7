"""The provider's metadata and keys, fetched when they are needed and kept for an hour."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
from joserfc.jwk import Key

from ui.web.openid.errors import ProviderUnavailableError
from ui.web.openid.fetching import fetch
from ui.web.openid.metadata import WELL_KNOWN, Metadata, parse_metadata
from ui.web.openid.tokens import parse_keys

KEPT_S = 3600.0
FAILURE_KEPT_S = 5.0
"""People who come while the provider is down are told so without each waiting for it."""
KEYS_AGAIN_S = 30.0
"""How soon keys are fetched again for a token that none of them is for: new ones are known at
once, and made-up ones cost the provider little."""

T = TypeVar("T")


class Provider:
    """A provider. Of one event loop.

    Args:
        issuer: Its address.
        clock: Seconds that never go back.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._metadata = _Kept[Metadata](clock)
        self._keys = _Kept[tuple[Key, ...]](clock)

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself.

        Raises:
            ProviderUnavailableError: it cannot be asked, or answers what cannot be used.
        """
        return await self._metadata.get(self._fetch_metadata)

    async def keys(self, kid: str | None) -> tuple[Key, ...]:
        """Return the keys one of which made a signature: those of the id, or all.

        Args:
            kid: Which one a token says it was.

        Raises:
            ProviderUnavailableError: it cannot be asked, or answers what cannot be used.
        """
        found = _of_id(await self._keys.get(self._fetch_keys), kid)
        if not found and self._keys.age_s() >= KEYS_AGAIN_S:
            self._keys.forget()
            found = _of_id(await self._keys.get(self._fetch_keys), kid)
        return found

    async def _fetch_metadata(self) -> Metadata:
        fetched = await fetch(self._issuer.rstrip("/") + WELL_KNOWN)
        if fetched.status != 200:
            raise ProviderUnavailableError(f"the metadata come with status {fetched.status}")
        return parse_metadata(fetched.body, self._issuer)

    async def _fetch_keys(self) -> tuple[Key, ...]:
        fetched = await fetch((await self.metadata()).jwks_uri)
        if fetched.status != 200:
            raise ProviderUnavailableError(f"the keys come with status {fetched.status}")
        return parse_keys(fetched.body)


def _of_id(keys: tuple[Key, ...], kid: str | None) -> tuple[Key, ...]:
    return keys if kid is None else tuple(key for key in keys if key.kid == kid)


class _Kept(Generic[T]):
    """Something that is fetched by one at a time and kept, as is a failure, but shorter."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = anyio.Lock()
        self._value: T | None = None
        self._problem = ""
        self._at_s = 0.0

    def age_s(self) -> float:
        return self._clock() - self._at_s

    def forget(self) -> None:
        self._value, self._problem = None, ""

    async def get(self, fetch_it: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            if self._problem and self.age_s() < FAILURE_KEPT_S:
                raise ProviderUnavailableError(self._problem)
            if self._value is None or self.age_s() >= KEPT_S:
                self.forget()
                try:
                    self._value = await fetch_it()
                except ProviderUnavailableError as error:
                    self._problem = str(error)
                    raise
                finally:
                    self._at_s = self._clock()
            return self._value
