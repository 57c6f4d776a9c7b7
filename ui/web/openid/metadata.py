"""What a provider says of itself: where it is asked what, and how it signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.settings import is_on_loopback, is_provider_address
from ui.web.openid.errors import ProviderUnavailableError, shown

ASYMMETRIC = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519"),
)
"""How an identity may be signed: by what only the provider has. "none" and secrets that are shared
(HS256) do not stand here."""
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Of a provider, checked."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    """At least one, all of `ASYMMETRIC`."""
    names_itself: bool
    """Whether it says who it is when it sends a browser back."""
    takes_basic: bool
    """Whether the secret goes into a header; else into the form."""


def parse_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """Return what a provider's own document says.

    Args:
        document: As fetched from below the issuer's address.
        issuer: Who it must be of.

    Source:
        OpenID Connect Discovery 1.0, sections 3 and 4.3; RFC 9207, section 3.

    Raises:
        ProviderUnavailableError: it is of another issuer, or cannot be used safely.
    """
    if document.get("issuer") != issuer:
        message = (
            f"the provider calls itself {shown(document.get('issuer'))}, not {issuer!r}; set "
            "openid.issuer to exactly what it calls itself, if it is the right one"
        )
        raise ProviderUnavailableError(message)
    offered = _names(document, "id_token_signing_alg_values_supported", ("RS256",))
    algorithms = tuple(name for name in ASYMMETRIC if name in offered)
    if not algorithms:
        raise ProviderUnavailableError(
            f"the provider signs in no way that is allowed here, but by {shown(offered)}; allowed "
            f"are {', '.join(ASYMMETRIC)}"
        )
    if "S256" not in _names(document, "code_challenge_methods_supported", ("S256",)):
        raise ProviderUnavailableError("the provider does not bind codes to a challenge (S256)")
    ways = _names(document, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    return Metadata(
        authorization_endpoint=_address(document, "authorization_endpoint", issuer),
        token_endpoint=_address(document, "token_endpoint", issuer),
        jwks_uri=_address(document, "jwks_uri", issuer),
        userinfo_endpoint=(
            _address(document, "userinfo_endpoint", issuer)
            if "userinfo_endpoint" in document
            else None
        ),
        algorithms=algorithms,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        takes_basic="client_secret_basic" in ways or "client_secret_post" not in ways,
    )


def _names(document: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = document.get(key, default)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _address(document: Mapping[str, Any], key: str, issuer: str) -> str:
    value = document.get(key)
    is_safe = (
        isinstance(value, str)
        and is_provider_address(value, allows_query=True)
        # Only a provider on this machine may send requests to what listens on it.
        and (is_on_loopback(issuer) or not is_on_loopback(value))
    )
    if not is_safe:
        raise ProviderUnavailableError(
            f"the provider's {key} is {shown(value)}; it must be an https address"
        )
    return str(value)
