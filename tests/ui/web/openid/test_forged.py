"""What no real provider would send: tokens, metadata, keys and answers that prove nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from assistant.store.types import AuditAction
from tests.ui.web.openid.conftest import Forged, Forger, Site, SiteWith
from tests.ui.web.openid_provider import CLIENT_ID, CLIENT_SECRET
from ui.web.access_rules import OPENID_END_PATH, OPENID_START_PATH
from ui.web.cookies import COOKIE
from ui.web.openid import fetching, provider, tokens
from ui.web.openid.errors import ProviderUnavailableError, TokenRefusedError
from ui.web.openid.metadata import parse_metadata

NAME = "ann@corp.example"


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def refused(site: Site, come_back: Forged, status: int = 403) -> None:
    reply = come_back()
    assert reply.status_code == status, reply.text
    assert COOKIE not in site.browser.cookies
    assert not site.is_in
    assert not any(one.has_subject for one in site.opened.catalog.people.users())


def test_right_answers_sign_in(forged_site: Site, come_back: Forged, forger: Forger) -> None:
    assert come_back().status_code == 303
    assert forged_site.person == NAME
    assert "/me" not in forger.asked  # the token says all that is needed
    (form,) = forger.forms
    assert form["grant_type"] == ["authorization_code"]
    assert "client_secret" not in form


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": []},
        {"aud": None},
        {"aud": {CLIENT_ID: 1}},
        {"azp": "another"},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        pytest.param({"exp": int(time.time()) - 61}, id="just expired"),
        {"iat": 9_999_999_999},
        {"iat": None},
        {"nbf": 9_999_999_999},
        {"nonce": "another"},
        {"nonce": ""},
        {"nonce": None},
        {"nonce": ["x"]},
        {"nonce": "é"},
        {"sub": "é"},
        {"sub": "a\x1b[2J"},
        {"exp": math.inf},
        {"exp": math.nan},
        {"sub": ""},
        {"sub": None},
        {"sub": 77},
        {"sub": "7" * 256},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(
    forged_site: Site, come_back: Forged, forger: Forger, claims: dict[str, Any]
) -> None:
    if None in claims.values():
        forger.claims = claims
    else:
        forger.sign = lambda right: forger.signed({**right, **claims})
    refused(forged_site, come_back)
    assert forged_site.failures() == ["token refused"]


@pytest.mark.parametrize("audience", [CLIENT_ID, [CLIENT_ID]])
def test_the_audience_may_be_a_list_of_us(
    forged_site: Site, come_back: Forged, forger: Forger, audience: Any
) -> None:
    forger.claims = {"aud": audience, "azp": CLIENT_ID, "exp": time.time() - 30}  # clocks differ
    assert come_back().status_code == 303


def unsigned(claims: dict[str, Any], forger: Forger) -> str:
    return f"{part({'alg': 'none', 'kid': 'a'})}.{part(claims)}."


def unsigned_in_capitals(claims: dict[str, Any], forger: Forger) -> str:
    return f"{part({'alg': 'NONE'})}.{part(claims)}."


def by_secret(secret: bytes) -> Callable[[dict[str, Any], Forger], str]:
    def sign(claims: dict[str, Any], forger: Forger) -> str:
        text = f"{part({'alg': 'HS256', 'kid': 'a'})}.{part(claims)}"
        key = secret or forger.keys[0].as_pem(private=False)
        return f"{text}.{part(hmac.new(key, text.encode(), hashlib.sha256).digest())}"

    return sign


def by_another_key(claims: dict[str, Any], forger: Forger) -> str:
    stranger = RSAKey.generate_key(2048, parameters={"kid": "a"}, private=True)
    return jwt.encode({"alg": "RS256", "kid": "a"}, claims, stranger)


def by_a_key_it_brings(claims: dict[str, Any], forger: Forger) -> str:
    stranger = RSAKey.generate_key(2048, private=True)
    header = {"alg": "RS256", "jwk": stranger.as_dict(private=False)}
    text = f"{part(header)}.{part(claims)}"
    signature = jwt.encode({"alg": "RS256"}, claims, stranger).rpartition(".")[2]
    return f"{text}.{signature}"


def changed_afterwards(claims: dict[str, Any], forger: Forger) -> str:
    header, _, signature = forger.signed(claims).split(".")
    return f"{header}.{part({**claims, 'sub': '78'})}.{signature}"


def without_signature(claims: dict[str, Any], forger: Forger) -> str:
    return forger.signed(claims).rpartition(".")[0] + "."


def with_unknown_demands(claims: dict[str, Any], forger: Forger) -> str:
    header = {"alg": "RS256", "kid": "a", "crit": ["surprise"], "surprise": 1}
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{forger.signed(claims).rpartition('.')[2]}"


FORGED = [
    unsigned,
    unsigned_in_capitals,
    by_secret(CLIENT_SECRET.encode()),
    by_secret(b""),  # the public key, taken for a secret
    by_another_key,
    by_a_key_it_brings,
    changed_afterwards,
    without_signature,
    with_unknown_demands,
    lambda *_: "",
    lambda *_: "no token",
    lambda *_: "a.b",
    lambda *_: "a.b.c",
    lambda *_: "a.b.c.d.e",
    lambda *_: f"{part({'alg': 'RS256', 'kid': 7})}.{part({})}.x",
    lambda *_: f"{part([])}.{part({})}.x",
    lambda *_: f"{part({'alg': ['RS256']})}.{part({})}.x",
    lambda *_: f"{part({'alg': 'RS256'})}.{part(b'[' * 20_000)}.x",
    lambda *_: "é.é.é",
    lambda *_: "x" * 100_000 + "..",
]


@pytest.mark.parametrize("sign", FORGED)
def test_forged_tokens_are_refused(
    forged_site: Site,
    come_back: Forged,
    forger: Forger,
    sign: Callable[[dict[str, Any], Forger], str],
) -> None:
    forger.sign = lambda claims: sign(claims, forger)
    refused(forged_site, come_back)
    assert forged_site.failures() == ["token refused"]


@pytest.mark.parametrize("body", [{}, {"id_token": 1}, {"id_token": None, "access_token": "x"}])
def test_an_answer_without_a_token_signs_nobody_in(
    forged_site: Site, come_back: Forged, forger: Forger, body: dict[str, Any]
) -> None:
    forger.tokens = body
    refused(forged_site, come_back)


def test_a_signature_by_a_way_that_is_not_offered_is_refused(
    forged_site: Site, come_back: Forged, forger: Forger
) -> None:
    forger.metadata = {"id_token_signing_alg_values_supported": ["ES256"]}
    refused(forged_site, come_back)


@pytest.mark.parametrize("kid", ["c", None])
def test_new_keys_are_fetched_and_others_tried(
    forged_site: Site,
    come_back: Forged,
    forger: Forger,
    rsa_keys: tuple[RSAKey, RSAKey],
    kid: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert come_back().status_code == 303
    new = ECKey.generate_key("P-256", parameters={"kid": "c"}, private=True)
    header = {"alg": "ES256"} if kid is None else {"alg": "ES256", "kid": kid}
    forger.sign = lambda claims: jwt.encode(header, claims, new)
    forger.keys = [rsa_keys[1], new]
    assert come_back().status_code == 403  # keys were fetched just now
    monkeypatch.setattr(provider, "KEYS_AGAIN_S" if kid else "KEPT_S", 0.0)
    assert come_back().status_code == 303
    assert forger.asked.count("/keys") == 2


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": []},
        {"keys": "a"},
        {"keys": [1, "a", {}]},
        {"keys": [{"kty": "oct", "k": part(CLIENT_SECRET.encode()), "kid": "a"}]},
        {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB", "kid": "a"}]},
        {"keys": [{"kty": "EC", "crv": "P-0", "x": "a", "y": "b"}]},
        {"keys": [{}] * 65},
        [],
        "a",
    ],
    ids=lambda keys: str(keys)[:40],
)
def test_keys_that_cannot_be_used_sign_nobody_in(
    forged_site: Site, come_back: Forged, forger: Forger, keys: Any
) -> None:
    forger.keys_body = keys
    refused(forged_site, come_back, 502)


def test_keys_for_other_uses_and_weak_ones_are_left_out(rsa_keys: tuple[RSAKey, RSAKey]) -> None:
    good = rsa_keys[0].as_dict(private=False)
    number = int.from_bytes(base64.urlsafe_b64decode(good["n"] + "=="), "big")
    weak = part((number >> 1024 | 1).to_bytes(128, "big"))
    kept = tokens.parse_keys(
        {"keys": [good, {**good, "use": "enc"}, {**good, "n": weak}, {"kty": "PQ"}]}
    )
    assert [key.kid for key in kept] == ["a"]


def test_no_way_of_signing_is_never_any_way(rsa_keys: tuple[RSAKey, RSAKey]) -> None:
    with pytest.raises(TokenRefusedError, match="no way"):
        tokens.verified_claims(
            "a.b.c", rsa_keys, algorithms=(), issuer="", client_id="", nonce="", now_s=0
        )


METADATA: list[dict[str, Any]] = [
    {"issuer": "https://other.example"},
    {"issuer": None},
    {"authorization_endpoint": None},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "http://other.example/authorize"},
    {"token_endpoint": "http://other.example/token"},
    {"token_endpoint": 1},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": "https://user@other.example/keys"},
    {"jwks_uri": "https://[/keys"},
    {"userinfo_endpoint": "http://other.example/me"},
    {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    {"id_token_signing_alg_values_supported": []},
    {"id_token_signing_alg_values_supported": "RS256"},
    {"code_challenge_methods_supported": ["plain"]},
]


@pytest.mark.parametrize("metadata", METADATA, ids=str)
def test_metadata_that_cannot_be_used_send_nobody_anywhere(
    forged_site: Site, forger: Forger, metadata: dict[str, Any]
) -> None:
    forger.metadata = metadata
    reply = forged_site.browser.get(OPENID_START_PATH)
    assert reply.status_code == 502
    assert "location" not in reply.headers
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("field", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.1",
        "https://127.0.0.1:8443",
        "https://127.0.0.2",
        "https://[::1]",
        "https://localhost",
        "https://a.localhost.",
    ],
)
def test_a_provider_elsewhere_sends_nobody_to_this_machine(field: str, there: str) -> None:
    issuer = "https://id.example"
    right = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), f"{issuer}/x")
    assert parse_metadata({"issuer": issuer, **right}, issuer).algorithms == ("RS256",)
    with pytest.raises(ProviderUnavailableError, match=field):
        parse_metadata({"issuer": issuer, **right, field: f"{there}/x"}, issuer)


JSON = {"Content-Type": "application/json"}
METADATA_PATH = "/.well-known/openid-configuration"
BROKEN = [
    (500, JSON, b"{}"),
    (404, JSON, b"{}"),
    (200, JSON, b"not JSON"),
    (200, JSON, b"[]"),
    (200, JSON, b"[" * 200_000),
    (200, JSON, b"\xff"),
    (200, {**JSON, "Content-Encoding": "gzip"}, b"\x1f\x8b"),
    (200, {**JSON, "Content-Length": "100"}, b"{"),
    (302, {"Location": "/elsewhere"}, b""),
    (307, {"Location": "http://127.0.0.1:1/"}, b""),
]


@pytest.mark.parametrize(("status", "headers", "body"), BROKEN)
@pytest.mark.parametrize("path", [METADATA_PATH, "/keys", "/token"])
def test_answers_that_are_none_sign_nobody_in(
    forged_site: Site,
    come_back: Forged,
    forger: Forger,
    path: str,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    forger.raw[path] = status, headers, body
    if path == METADATA_PATH:
        assert forged_site.browser.get(OPENID_START_PATH).status_code == 502
    else:
        refused(forged_site, come_back, 403 if (path, status) == ("/token", 404) else 502)
    assert "/elsewhere" not in forger.asked


def test_an_endless_answer_is_cut_off(
    forged_site: Site, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger.raw[METADATA_PATH] = 200, JSON, b" " * (fetching.MOST_BYTES + 1) + b"{}"
    assert forged_site.browser.get(OPENID_START_PATH).status_code == 502


def test_a_slow_provider_is_not_waited_for(
    forged_site: Site, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.2)
    answer = forger.answer
    monkeypatch.setattr(forger, "answer", lambda path: time.sleep(1) or answer(path))
    began = time.monotonic()
    assert forged_site.browser.get(OPENID_START_PATH).status_code == 502
    assert forged_site.browser.get(OPENID_START_PATH).status_code == 502
    assert time.monotonic() - began < 1
    assert len(forger.asked) == 1  # the second was told what the first had found out
    monkeypatch.undo()
    monkeypatch.setattr(provider, "FAILURE_KEPT_S", 0.0)
    assert forged_site.browser.get(OPENID_START_PATH).status_code == 303


def test_the_secret_goes_into_the_form_where_the_provider_wants_it(
    forged_site: Site, come_back: Forged, forger: Forger
) -> None:
    forger.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert come_back().status_code == 303
    assert forger.forms[0]["client_secret"] == [CLIENT_SECRET]


def test_a_client_without_a_secret_names_itself(site_with: SiteWith, forger: Forger) -> None:
    site = site_with(forger.issuer, client_secret="")
    query = parse_qs(urlsplit(site.start()).query)
    forger.nonce = query["nonce"][0]
    assert query["tenant"] == ["1"]  # what the endpoint's own address asks for stays
    site.end(f"{OPENID_END_PATH}?state={query['state'][0]}&code=x")
    assert site.person == NAME
    (form,) = forger.forms
    assert form["client_id"] == [CLIENT_ID]
    assert "client_secret" not in form
    assert len(form["code_verifier"][0]) == 64


@pytest.mark.parametrize(
    ("user_info", "status"),
    [
        ({"sub": "77", "email": NAME, "email_verified": True}, 303),
        ({"sub": "77", "email": NAME}, 403),
        ({"sub": "77", "email": NAME, "email_verified": "true"}, 403),
        ({"sub": "77", "email": NAME, "email_verified": 1}, 403),
        ({"sub": "77", "email": "", "email_verified": True}, 403),
        ({"sub": "77", "email": "x" * 101, "email_verified": True}, 403),
        ({"sub": "77", "email": "a\nb", "email_verified": True}, 403),
        ({"sub": "77", "email": ["ann@corp.example"], "email_verified": True}, 403),
        ({"sub": "78", "email": NAME, "email_verified": True}, 403),
        ({"email": NAME, "email_verified": True}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("left_out", ["email", "email_verified"])
def test_user_info_names_somebody_only_if_it_is_about_the_same_and_verified(
    forged_site: Site,
    come_back: Forged,
    forger: Forger,
    user_info: dict[str, Any],
    status: int,
    left_out: str,
) -> None:
    forger.claims = {left_out: None}
    forger.user_info = user_info
    assert come_back().status_code == status


def test_who_is_linked_needs_no_name_any_more(
    forged_site: Site, come_back: Forged, forger: Forger
) -> None:
    assert come_back().status_code == 303
    forger.claims, forger.user_info = {"email": None}, {"sub": "another"}
    assert come_back().status_code == 303
    assert "/me" not in forger.asked


@pytest.mark.parametrize("access", ["a\r\nX: y", "é"])
def test_an_access_token_that_is_none_is_not_sent(
    forged_site: Site, come_back: Forged, forger: Forger, access: str
) -> None:
    forger.claims = {"email": None}
    answer = forger.answer
    forger.answer = lambda path: (  # type: ignore[method-assign]
        {**answer(path), "access_token": access} if path == "/token" else answer(path)
    )
    refused(forged_site, come_back, 502)
    assert "/me" not in forger.asked


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&code=",
        f"&code={'x' * 5000}",
        "&error=access_denied",
        "&error=%3Cscript%3E",
        "&code=1&error=x",
    ],
)
def test_an_answer_without_a_code_asks_the_provider_nothing(
    forged_site: Site, forger: Forger, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = parse_qs(urlsplit(forged_site.start()).query)["state"][0]
    reply = forged_site.end(f"{OPENID_END_PATH}?state={state}{query}")
    assert reply.status_code == 403
    assert "/token" not in forger.asked
    assert "script" not in reply.text
    assert "script" not in caplog.text


def test_what_a_stranger_is_called_is_recorded_as_text(
    forged_site: Site, come_back: Forged, forger: Forger
) -> None:
    forger.claims = {"email": "<script>@corp.example"}
    assert "<script>" not in come_back().text
    (entry,) = forged_site.audit(AuditAction.SIGN_IN_FAILED)
    assert entry.details["account"] == "<script>@corp.example"
    assert entry.subject == ""
