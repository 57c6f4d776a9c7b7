"""Signing in by a provider, where that is set and installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.errors import SettingsError
from assistant.settings import OpenIdSettings

if TYPE_CHECKING:
    from ui.web.openid.client import OpenIdClient

EXTRA = "sso"
LIBRARIES = ("cryptography", "httpx2", "joserfc")


def build_openid(settings: OpenIdSettings) -> OpenIdClient | None:
    """Return what this program is to the provider; None where none is set.

    Raises:
        SettingsError: one is set, but libraries are missing; says what to install.
    """
    if not settings.is_on:
        return None
    try:
        from ui.web.openid.client import OpenIdClient  # needs the extra's libraries
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in LIBRARIES:
            raise
        raise SettingsError(
            f"openid.issuer is set, but {library} is not installed; install Plinth with its extra "
            f"{EXTRA!r} (pip install -e '.[{EXTRA}]' in its folder), or remove openid.issuer"
        ) from error
    return OpenIdClient(settings)
