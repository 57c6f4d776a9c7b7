"""How often somebody may fail to sign in before having to wait."""

from __future__ import annotations

import hashlib
import ipaddress

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from assistant.store.people import name_key

OF_BOTH = RateLimitItemPerMinute(5)
"""Of one name from one address."""
OF_BOTH_LONGER = RateLimitItemPerHour(20)
"""The same in an hour: one address alone cannot use up what all may."""
OF_ADDRESS = RateLimitItemPerMinute(30, 5)
"""Of all names from one address: 30 in five minutes."""
OF_NAME = RateLimitItemPerHour(100)
"""Of one name from all addresses."""


class Throttle:
    """Counts failures by name and address. Thread-safe; forgets with the process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def is_open(self, name: str | None, address: str) -> bool:
        """Tell whether another attempt is let through.

        Args:
            name: Whose; None where an attempt has no name to guess at, only a sender.
            address: From where.
        """
        return all(self._limiter.test(limit, *key) for limit, key in _keys(name, address))

    def count_failure(self, name: str | None, address: str) -> None:
        """Take note of an attempt that failed."""
        for limit, key in _keys(name, address):
            self._limiter.hit(limit, *key)


def _keys(name: str | None, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
    where = _network(address)
    if name is None:
        return ((OF_ADDRESS, ("address", where)),)
    # Names are hashed, so that none is longer than others in memory.
    who = hashlib.sha256(name_key(name.strip()).encode("utf-8", "replace")).hexdigest()
    return (
        (OF_BOTH, ("both", who, where)),
        (OF_BOTH_LONGER, ("both", who, where)),
        (OF_ADDRESS, ("address", where)),
        (OF_NAME, ("name", who)),
    )


def _network(address: str) -> str:
    """Return what one sender has for itself: an IPv4 address, or the first half of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if parsed.version == 4 or mapped:
        return str(mapped or parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
