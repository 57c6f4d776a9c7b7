"""One's own account: password and sessions."""

from __future__ import annotations

from assistant.access import Who
from assistant.errors import SignInRefusedError
from assistant.store.accounts import Accounts
from assistant.store.types import SessionSummary


class OwnAccount:
    """The account of the person who asks.

    Args:
        who: Who asks, as of now.
        accounts: Everybody's.
    """

    def __init__(self, who: Who, accounts: Accounts) -> None:
        self._who = who
        self._accounts = accounts

    def change_password(self, old: str, new: str) -> None:
        """Set a password, which ends all sessions.

        Args:
            old: The present one; whatever it is where there is none yet.
            new: The new one.

        Raises:
            SignInRefusedError: the present one is another.
            WeakPasswordError: the new one will not do.
        """
        person = self._who()
        if person.has_password and not self._accounts.is_password_of(person.name, old):
            raise SignInRefusedError("this is not your present password")
        self._accounts.set_password(person.name, new, by=person.name)

    def sessions(self) -> tuple[SessionSummary, ...]:
        """Return one's own sessions, latest first."""
        return self._accounts.sessions(self._who().name)

    def sign_out(self) -> None:
        """End the session of this browser."""
        person = self._who()
        self._accounts.sign_out(person.session_id, by=person.name)

    def sign_out_everywhere(self) -> int:
        """End all of one's own sessions and return how many there were."""
        person = self._who()
        return self._accounts.sign_out_everywhere(person.name, by=person.name)
