from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from assistant.access import Role
from assistant.settings import OpenIdSettings
from assistant.store.accounts import Accounts
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.types import AuditAction, AuditEntry
from tests.ui.web.conftest import ORIGIN
from tests.ui.web.openid_provider import CLIENT_ID, CLIENT_SECRET, running_provider
from ui.settings import Settings
from ui.web.access_rules import OPENID_END_PATH, OPENID_START_PATH
from ui.web.cookies import COOKIE
from ui.web.gate import GateMiddleware
from ui.web.openid.client import OpenIdClient
from ui.web.openid.routes import OpenIdPages
from ui.web.resources import installed
from ui.web.security import SecurityMiddleware
from ui.web.sign_in_routes import SignInPages
from ui.web.throttle import Throttle

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "1001": {
        "preferred_username": "ann",
        "email": "Ann@corp.example",
        "email_verified": True,
    },
    "1002": {
        "preferred_username": "ann",
        "email": "ann@corp.example",
        "email_verified": False,
    },
    "1003": {"preferred_username": "nobody", "email": "no@corp.example", "email_verified": True},
    "1004": {"preferred_username": "sue", "email": "sue@corp.example", "email_verified": True},
    "1005": {"preferred_username": "ann", "email": "ann@corp.example", "email_verified": True},
}
ANN, UNVERIFIED, STRANGER, SUSPENDED, OTHER_ANN = ACCOUNTS


@dataclass
class Clock:
    """The time that passes only when told to."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass(frozen=True)
class Opened:
    """What the pages of signing in need of `Resources`; no model, no document."""

    catalog: Catalog
    accounts: Accounts
    settings: Settings


@pytest.fixture
def opened(data_dir: Path) -> Iterator[Opened]:
    settings = Settings()
    with open_catalog(data_dir) as catalog:
        yield Opened(catalog, catalog.accounts(settings.sign_in), settings)


async def behind(_request: Request) -> Response:
    return PlainTextResponse("behind")


@dataclass
class Site:
    """The pages of signing in, behind the gate, and one browser at them."""

    opened: Opened
    settings: OpenIdSettings
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        throttle = Throttle()
        pages = OpenIdPages(OpenIdClient(self.settings, self.clock), throttle)
        app = Starlette(
            routes=[*SignInPages(throttle).routes(), *pages.routes(), Route("/", behind)],
            middleware=[
                Middleware(SecurityMiddleware),
                Middleware(GateMiddleware, accounts=self.opened.accounts, with_openid=True),
            ],
        )
        self._app = app
        self.browser = self.new_browser()

    def new_browser(self) -> TestClient:
        return TestClient(self._app, base_url=ORIGIN, follow_redirects=False)

    def start(self, **query: str) -> str:
        """Click the button; return where the browser is sent."""
        reply = self.browser.get(OPENID_START_PATH, params=query)
        assert reply.status_code == 303, reply.text
        return reply.headers["location"]

    def end(self, address: str, **headers: str) -> httpx2.Response:
        return self.browser.get(address.removeprefix(ORIGIN), headers=headers)

    def sign_in(self, login: str = ANN) -> httpx2.Response:
        return self.end(at_provider(self.start(), login))

    @property
    def is_in(self) -> bool:
        return self.browser.get("/").status_code == 200

    @property
    def person(self) -> str | None:
        found = self.opened.accounts.person(self.browser.cookies.get(COOKIE, ""))
        return found and found.name

    def audit(self, action: AuditAction) -> tuple[AuditEntry, ...]:
        return self.opened.catalog.audit.entries(action=action, limit=100)

    def failures(self) -> list[str]:
        return [one.details["reason"] for one in self.audit(AuditAction.SIGN_IN_FAILED)]


def at_provider(address: str, login: str, **form: str) -> str:
    """Do at the provider what a person does there; return the address it leads back to."""
    with httpx2.Client(trust_env=False) as browser:
        reply = browser.get(address)
        for _ in range(10):
            if not reply.is_redirect:
                assert reply.status_code == 200, reply.text
                reply = browser.post(str(reply.url), data=form or {"login": login})
                continue
            location = urljoin(str(reply.url), reply.headers["location"])
            if location.startswith(ORIGIN):
                return location
            reply = browser.get(location)
    pytest.fail("the provider leads nowhere")


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    with running_provider(ACCOUNTS) as address:
        yield address


SiteWith = Callable[..., Site]


@pytest.fixture
def site_with(opened: Opened) -> Iterator[SiteWith]:
    """Return a function that makes the pages with settings; ann, sue (suspended) and root exist."""
    editor = opened.catalog.edit_people("test")
    for name in ("ann@corp.example", "ann", "sue@corp.example"):
        editor.add_user(name)
    editor.change_user("sue@corp.example", suspended=True)
    editor.add_user("root", role=Role.ADMIN)
    with contextmanager(_installed)(opened) as make:
        yield make


def _installed(opened: Opened) -> Iterator[SiteWith]:
    used: list[Any] = []

    def make(issuer: str, **changes: Any) -> Site:
        values = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **changes}
        settings = OpenIdSettings(issuer=issuer, **values)
        everything = opened.settings.model_copy(update={"openid": settings})
        block = installed(replace(opened, settings=everything))
        block.__enter__()
        used.append(block)
        return Site(opened, settings)

    yield make
    for block in reversed(used):
        block.__exit__(None, None, None)


@pytest.fixture
def site(site_with: SiteWith, issuer: str) -> Site:
    """The pages with the real provider."""
    return site_with(issuer)


# An issuer that answers what no real one would


@dataclass
class Forger:
    """A provider whose every answer a test decides; by default they are right."""

    issuer: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What differs from right metadata; None takes a field out."""
    keys: list[Key] = field(default_factory=list)
    keys_body: Any = None
    claims: dict[str, Any] = field(default_factory=dict)
    """What differs from right claims; None takes one out."""
    sign: Callable[[dict[str, Any]], str] | None = None
    tokens: Any = None
    """What is answered to a code instead of tokens."""
    user_info: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Answers by path, as they are."""
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    nonce: str = ""

    def right_claims(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "77",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "ann@corp.example",
            "email_verified": True,
            **self.claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            values = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/me",
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
                **self.metadata,
            }
            return {name: value for name, value in values.items() if value is not None}
        if path == "/keys":
            right = {"keys": [one.as_dict(private=False) for one in self.keys]}
            return right if self.keys_body is None else self.keys_body
        if path == "/token":
            if self.tokens is not None:
                return self.tokens
            claims = self.right_claims()
            token = (self.sign or self.signed)(claims)
            return {"id_token": token, "access_token": "access", "token_type": "Bearer"}
        if path == "/me":
            return self.user_info
        return {}

    def signed(self, claims: dict[str, Any]) -> str:
        key = self.keys[0]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key)


@pytest.fixture(scope="session")
def rsa_keys() -> tuple[RSAKey, RSAKey]:
    first, second = (
        RSAKey.generate_key(2048, parameters={"kid": kid}, private=True) for kid in ("a", "b")
    )
    return first, second


@pytest.fixture
def forger(rsa_keys: tuple[RSAKey, RSAKey]) -> Iterator[Forger]:
    forger = Forger(keys=[rsa_keys[0]])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            forger.forms.append(parse_qs(body))
            self._answer()

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            forger.asked.append(path)
            status, headers, body = forger.raw.get(path) or (
                200,
                {"Content-Type": "application/json"},
                json.dumps(forger.answer(path)).encode(),
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forger.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield forger
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Forged = Callable[[], httpx2.Response]


@pytest.fixture
def forged_site(site_with: SiteWith, forger: Forger) -> Site:
    """The pages with the issuer that answers what a test wants."""
    return site_with(forger.issuer)


@pytest.fixture
def come_back(forged_site: Site, forger: Forger) -> Forged:
    """Return a function that starts a sign-in and comes back from the forger with a code."""

    def run() -> httpx2.Response:
        query = parse_qs(urlsplit(forged_site.start()).query)
        forger.nonce = query["nonce"][0]
        code = secrets.token_urlsafe(8)
        return forged_site.end(f"{OPENID_END_PATH}?state={query['state'][0]}&code={code}")

    return run
