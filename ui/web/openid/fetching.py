"""Requests to the provider: only where its metadata says, bounded in time and size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from assistant.settings import LOOPBACK_NAMES
from ui.web.openid.errors import ProviderUnavailableError, shown

TIMEOUT_S = 10.0
"""For a whole request, however slowly its answer drips."""
MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the provider answered."""

    status: int
    body: Mapping[str, Any]


async def fetch(
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """Return a JSON object that the provider answers with; nobody is followed elsewhere.

    Args:
        address: What is asked.
        form: What is sent with POST; None asks with GET.
        headers: Sent along.

    Raises:
        ProviderUnavailableError: no answer in time, one that leads elsewhere, or no JSON object.
    """
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    is_local = urlsplit(address).hostname in LOOPBACK_NAMES
    try:
        with anyio.fail_after(TIMEOUT_S):
            async with (
                httpx2.AsyncClient(
                    follow_redirects=False, timeout=TIMEOUT_S, trust_env=not is_local
                ) as client,
                client.stream(
                    "GET" if form is None else "POST", address, data=form, headers=sent
                ) as response,
            ):
                body = await _body(response, address)
                status = response.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # TimeoutError among them
        message = f"{shown(address)} cannot be asked ({type(error).__name__})"
        raise ProviderUnavailableError(message) from error
    if 300 <= status < 400 or status >= 500:
        raise ProviderUnavailableError(f"{shown(address)} answers with status {status}")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        message = f"{shown(address)} answers with status {status} and no JSON object"
        raise ProviderUnavailableError(message)
    return Fetched(status, value)


async def _body(response: httpx2.Response, address: str) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ProviderUnavailableError(f"{shown(address)} answers compressed, unasked")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MOST_BYTES:
            raise ProviderUnavailableError(f"{shown(address)} answers with over {MOST_BYTES} bytes")
    return bytes(body)
