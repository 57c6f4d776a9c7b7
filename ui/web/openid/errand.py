"""What a browser takes along to the provider and must bring back, sealed in a cookie of its own.

Nothing is kept on this side: whoever starts a million sign-ins takes no memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ui.web.openid.errors import StrayAnswerError

LASTS_S = 600.0
"""How long somebody may take to sign in at the provider."""
MOST_ADDRESS_CHARS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A sign-in that has begun."""

    state: str
    """Comes back in the address, and shows that the answer belongs to this browser."""
    nonce: str
    """Comes back in the token, and shows that this was asked for now."""
    verifier: str
    """Shows the provider that who brings the code is who asked for it (PKCE)."""
    wanted: str
    """The page to go to afterwards."""
    began_s: float

    @property
    def challenge(self) -> str:
        """What the provider is told of `verifier` before: its SHA-256 (RFC 7636, S256)."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())


class Seal:
    """Makes cookies of errands, and errands of cookies. Of one process: its key is never stored.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def begin(self, wanted: str) -> Errand:
        """Return a new errand.

        Args:
            wanted: The page to go to afterwards; too long an address is not kept.
        """
        return Errand(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            wanted=wanted if len(json.dumps(wanted)) <= MOST_ADDRESS_CHARS else "/",
            began_s=self._clock(),
        )

    def close(self, errand: Errand) -> str:
        """Return a cookie's value."""
        text = _base64(json.dumps(asdict(errand)).encode())
        return f"{text}.{self._mark(text)}"

    def open(self, cookie: str, state: str) -> Errand:
        """Return the errand that a browser comes back from.

        Args:
            cookie: What the browser brings.
            state: What stands in the address.

        Raises:
            StrayAnswerError: the two do not belong together, or it took too long.
        """
        text, _, mark = cookie.partition(".")
        if not _is_same(mark, self._mark(text)):
            raise StrayAnswerError("the browser brings no cookie of a sign-in that began here")
        errand = Errand(**json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        if not _is_same(state, errand.state):
            raise StrayAnswerError("the state in the address is not that of the browser's cookie")
        if not 0 <= self._clock() - errand.began_s < LASTS_S:
            raise StrayAnswerError(f"the sign-in began over {LASTS_S:.0f} seconds ago")
        return errand

    def _mark(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
