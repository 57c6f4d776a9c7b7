"""ID tokens: who the provider says somebody is, believed only if it has signed that for us."""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeGuard

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

from ui.web.openid.errors import ProviderUnavailableError, TokenRefusedError, shown

MOST_TOKEN_CHARS = 32_768
MOST_KEYS = 64
MOST_SUBJECT_CHARS = 255
LEAST_RSA_BITS = 2048
LEEWAY_S = 60.0
"""By how much the clocks of this machine and the provider's may differ."""


def parse_keys(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the public keys of a key set that signatures can be checked with.

    Left out are secrets, keys for other uses, weak ones and those of kinds that are not known.

    Raises:
        ProviderUnavailableError: no key set, or none of its keys can be used.
    """
    found = document.get("keys")
    if not isinstance(found, list) or len(found) > MOST_KEYS:
        raise ProviderUnavailableError(f"the provider's keys are no list of at most {MOST_KEYS}")
    keys = tuple(key for one in found if (key := _key(one)) is not None)
    if not keys:
        raise ProviderUnavailableError("the provider has no key that can be used")
    return keys


def _key(value: object) -> Key | None:
    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return None
    if value.get("kty") not in (RSAKey.key_type, ECKey.key_type, OKPKey.key_type):
        return None
    try:
        if value["kty"] == RSAKey.key_type and _bits(value["n"]) < LEAST_RSA_BITS:
            return None
        return import_key(value)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _bits(number: str) -> int:
    data = base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))
    return int.from_bytes(data, "big").bit_length()


def key_id(token: str) -> str | None:
    """Return which key a token says it was signed with; None where it does not say.

    Raises:
        TokenRefusedError: this is no signed token.
    """
    if len(token) > MOST_TOKEN_CHARS or not token.isascii() or token.count(".") != 2:
        raise TokenRefusedError("the provider sent no signed token of a usual length")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise TokenRefusedError("the token has no header that can be read") from error
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenRefusedError("the token's key id is no text")
    return kid


def verified_claims(
    token: str,
    keys: Iterable[Key],
    *,
    algorithms: Collection[str],
    issuer: str,
    client_id: str,
    nonce: str,
    now_s: float,
) -> Mapping[str, Any]:
    """Return what a token claims, which its issuer has signed for us, now, and for this sign-in.

    Args:
        token: As it was sent.
        keys: The provider's, one of which must have made the signature.
        algorithms: How it may have been made; never empty.
        issuer: Whose it must be.
        client_id: For whom it must be.
        nonce: What it must have been asked for with.
        now_s: Seconds since 1970.

    Source:
        OpenID Connect Core 1.0, section 3.1.3.7; stricter in that no further audience is trusted
        and that clocks may differ by a minute only.

    Raises:
        TokenRefusedError: anything of it is otherwise.
    """
    claims = _signed(token, keys, algorithms)
    if claims.get("iss") != issuer:
        raise TokenRefusedError(f"the token is of {shown(claims.get('iss'))}, not of {issuer!r}")
    if claims.get("aud") not in (client_id, [client_id]):
        raise TokenRefusedError(f"the token is for {shown(claims.get('aud'))}, not for us alone")
    if claims.get("azp", client_id) != client_id:
        raise TokenRefusedError(f"the token was given to {shown(claims.get('azp'))}, not to us")
    if _time(claims, "exp") <= now_s - LEEWAY_S:
        raise TokenRefusedError("the token has expired")
    if _time(claims, "iat") > now_s + LEEWAY_S:
        raise TokenRefusedError("the token is of the future; compare the clocks")
    if "nbf" in claims and _time(claims, "nbf") > now_s + LEEWAY_S:
        raise TokenRefusedError("the token is not valid yet; compare the clocks")
    given = claims.get("nonce")
    if not _is_plain(given) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenRefusedError("the token was not asked for by this sign-in")
    subject = claims.get("sub")
    if not _is_plain(subject) or not 0 < len(subject) <= MOST_SUBJECT_CHARS:
        raise TokenRefusedError("the token does not say whom it is about")
    return claims


def _is_plain(value: object) -> TypeGuard[str]:
    """Tell whether something is a text as OpenID Connect wants subjects: ASCII, all of it seen."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _signed(token: str, keys: Iterable[Key], algorithms: Collection[str]) -> Mapping[str, Any]:
    if not algorithms:  # the library would then take some of its own
        raise TokenRefusedError("no way of signing is allowed")
    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    problem = "none of the provider's keys is the token's"
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=algorithms, registry=registry).claims
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            problem = f"its signature is not the provider's ({type(error).__name__})"
    raise TokenRefusedError(problem)


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefusedError(f"the token's {name} is no time")
    return value
