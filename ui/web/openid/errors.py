"""Why a sign-in by a provider did not come about; messages are for the operator's log.

They hold no token, code or secret, and nothing of what was sent but in `shown`.
"""

from __future__ import annotations

from assistant.errors import AssistantError


class OpenIdError(AssistantError):
    """Nobody is signed in."""

    reason = "provider unavailable"
    """In the audit log."""


class ProviderUnavailableError(OpenIdError):
    """The provider cannot be asked, or answers what no provider should; nobody's failure."""


class ProviderRefusedError(OpenIdError):
    """The provider did not let the person in, or did not take the code."""

    reason = "refused by the provider"


class StrayAnswerError(OpenIdError):
    """This browser did not begin what it comes back from, or too long ago."""

    reason = "not begun in this browser"


class TokenRefusedError(OpenIdError):
    """What the provider is said to have signed does not prove who somebody is."""

    reason = "token refused"


def shown(value: object) -> str:
    r"""Return a short form of what somebody sent, safe in a log.

    >>> shown("a\nb")
    "'a\\nb'"
    """
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
