"""Passwords: hashed with argon2id, few at a time, and never compared in a time that tells anything.

Source:
    RFC 9106, "Argon2 Memory-Hard Function": the second recommended option (3 passes, 64 MiB), which
    are the library's defaults.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from assistant.errors import WeakPasswordError

MIN_CHARS = 10
MAX_CHARS = 256
AT_A_TIME = 2
"""Each takes 64 MiB and a fifth of a second of a core."""

_HASHER = PasswordHasher()
_turns = threading.BoundedSemaphore(AT_A_TIME)
_NOBODYS = _HASHER.hash("the password of nobody")


def hash_password(password: str, *, name: str) -> str:
    """Return what is stored of a password.

    Args:
        password: As it was typed.
        name: Whose it is to be.

    Raises:
        WeakPasswordError: it is too short, too long, or the person's name.
    """
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        message = (
            f"a password has {MIN_CHARS} to {MAX_CHARS} characters; three words are a good one"
        )
        raise WeakPasswordError(message)
    if name.casefold() in password.casefold() and len(password) < len(name) + MIN_CHARS:
        raise WeakPasswordError("this password is little more than the name; choose another one")
    if len(set(password)) < MIN_CHARS // 2:
        raise WeakPasswordError("this password repeats a few characters; choose another one")
    with _turns:
        return _HASHER.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Tell whether a password is the stored one; takes as long where nothing is stored."""
    with _turns, suppress(VerificationError, InvalidHashError):
        _HASHER.verify(stored or _NOBODYS, password[: MAX_CHARS + 1])
        return stored is not None
    return False
