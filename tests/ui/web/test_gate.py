"""The gate by itself, before the accounts of a data dir without documents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from assistant.access import ALLOWED, Action, Role
from assistant.errors import StoreError
from assistant.settings import SignInSettings
from assistant.store.accounts import Accounts
from assistant.store.catalog import open_catalog
from tests.ui.web.conftest import ORIGIN, behind_gate
from ui.web.access_rules import BELOW, EXACT, Rule, rule_of
from ui.web.cookies import COOKIE
from ui.web.gate import GateMiddleware

HOST = "127.0.0.1:8501"
HERE = {"Origin": ORIGIN, "Host": HOST}
STREAM = "/_stcore/stream"
FOR_ROLES = {
    "/plinth/audit.csv": Action.SEE_AUDIT_LOG,
    "/plinth/audit.jsonl": Action.SEE_AUDIT_LOG,
    "/plinth/metrics": Action.SEE_MONITORING,
    "/plinth/uploads": Action.CHANGE_DOCUMENTS,
    "/plinth/uploads/": Action.CHANGE_DOCUMENTS,
    "/plinth/documents/": Action.READ,
    "/_stcore/upload_file/": Action.EVALUATE,
}
PUBLIC = {"/plinth/health", "/plinth/live", "/plinth/sign-in", "/plinth/link"}
TOKEN = "a token of sixteen characters or more"

Enter = Callable[[Role], None]


@pytest.fixture
def accounts(data_dir: Path) -> Iterator[Accounts]:
    with open_catalog(data_dir) as catalog:
        editor = catalog.edit_people("test")
        for role in Role:
            editor.add_user(role, role=role)
        yield catalog.accounts(SignInSettings())


@pytest.fixture
def client(accounts: Accounts) -> TestClient:
    return behind_gate(accounts)


@pytest.fixture
def enter(accounts: Accounts, client: TestClient) -> Enter:
    """Let the client send the cookie of a person of a role."""

    def run(role: Role) -> None:
        link = accounts.make_link(role, by="test")
        secret = accounts.use_link(link, password=None, browser="", address="")
        client.cookies.set(COOKIE, secret)

    return run


def scope_of(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", HOST.encode())],
        **changes,
    }


def through(accounts: Accounts, scope: Scope, **options: bool) -> tuple[bool, list[dict[str, Any]]]:
    """Tell whether a request reaches what is behind the gate, and what is sent instead.

    Nothing of its body is to be had.
    """
    passed, sent = [], []

    async def behind(inner: Scope, receive: Receive, send: Send) -> None:
        assert inner is scope
        await send({"type": "from behind"})
        passed.append(receive)

    async def receive() -> Any:
        pytest.fail("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(GateMiddleware(behind, accounts, **options), scope, receive, send)
    if passed:
        assert passed == [receive]
        assert sent == [{"type": "from behind"}]
    return bool(passed), sent


# Signing in by a provider


@pytest.mark.parametrize("path", ["/plinth/openid/start", "/plinth/openid/end"])
def test_addresses_of_signing_in_by_a_provider_exist_only_where_it_is_set_up(
    accounts: Accounts, path: str
) -> None:
    assert rule_of(path) is None
    assert rule_of(path, with_openid=True) is Rule.PUBLIC
    passed, sent = through(accounts, scope_of(path=path))
    assert not passed
    assert sent[0]["status"] == 404
    assert through(accounts, scope_of(path=path), with_openid=True) == (
        True,
        [{"type": "from behind"}],
    )


@pytest.mark.parametrize(
    ("path", "status"), [("/plinth/openid/start/more", 404), ("/plinth/openid", 404), ("/", 401)]
)
def test_signing_in_by_a_provider_opens_no_other_address(
    accounts: Accounts, path: str, status: int
) -> None:
    passed, sent = through(accounts, scope_of(path=path), with_openid=True)
    assert not passed
    assert sent[0]["status"] == status


# The token for the metrics


@pytest.mark.parametrize(
    ("token", "shown", "method", "path", "status"),
    [
        (TOKEN, f"Bearer {TOKEN}", "GET", "/plinth/metrics", 200),
        (TOKEN, f"Bearer {TOKEN}", "POST", "/plinth/metrics", 401),
        (TOKEN, f"Bearer {TOKEN}", "GET", "/plinth/audit.csv", 401),
        (TOKEN, f"Bearer {TOKEN}", "GET", "/", 401),
        (TOKEN, f"Bearer {TOKEN}x", "GET", "/plinth/metrics", 401),
        (TOKEN, TOKEN, "GET", "/plinth/metrics", 401),
        (TOKEN, "Bearer ", "GET", "/plinth/metrics", 401),
        (TOKEN, "Bearer ü", "GET", "/plinth/metrics", 401),
        (TOKEN, "", "GET", "/plinth/metrics", 401),
        ("", "Bearer ", "GET", "/plinth/metrics", 401),
        ("", "", "GET", "/plinth/metrics", 401),
    ],
)
def test_the_token_opens_the_metrics_and_nothing_else(
    accounts: Accounts, token: str, shown: str, method: str, path: str, status: int
) -> None:
    client = behind_gate(accounts, metrics_token=token)
    headers = {"Origin": ORIGIN} | ({"Authorization": shown.encode()} if shown else {})
    assert client.request(method, path, headers=headers).status_code == status


# Rules


def test_addresses_are_for_whom_they_should_be() -> None:
    rules = {**EXACT, **BELOW}
    assert {one: rule for one, rule in rules.items() if isinstance(rule, Action)} == FOR_ROLES
    assert {one for one, rule in rules.items() if rule is Rule.PUBLIC} == PUBLIC


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/", Rule.SIGNED_IN),
        ("/ask", Rule.SIGNED_IN),
        ("/plinth/sign-in", Rule.PUBLIC),
        ("/plinth/documents/d1/v1", Action.READ),
        ("/plinth/uploads", Action.CHANGE_DOCUMENTS),
        ("/plinth/uploads/1", Action.CHANGE_DOCUMENTS),
        ("/static/js/x.js", Rule.SIGNED_IN),
        ("/plinth/documents", None),
        ("/plinth/sign-in/", None),
        ("/plinth/sign-in/../uploads", None),
        ("/x/static/x.js", None),
        ("//", None),
        ("", None),
    ],
)
def test_rule_of_goes_by_the_whole_address_or_its_beginning(
    path: str, rule: Rule | Action | None
) -> None:
    assert rule_of(path) is rule


# Who is let in


def test_what_is_no_request_passes(accounts: Accounts) -> None:
    assert through(accounts, {"type": "lifespan"})[0]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_let_in_by_the_rule_of_the_address(
    client: TestClient, enter: Enter, role: Role
) -> None:
    enter(role)
    for address, action in FOR_ROLES.items():
        reply = client.get(address)
        if role in ALLOWED[action]:
            assert (reply.status_code, reply.text) == (200, "behind")
        else:
            assert (reply.status_code, reply.text) == (403, "Your role does not allow it.")
    assert client.get("/ask").text == "behind"


def test_an_address_without_a_rule_is_for_nobody(client: TestClient, enter: Enter) -> None:
    for _ in range(2):
        reply = client.get("/plinth/nothing", headers={"Accept": "text/html"})
        assert (reply.status_code, reply.text) == (404, "There is no such page.")
        enter(Role.ADMIN)


def test_where_the_accounts_cannot_be_read_nobody_is_let_in(
    accounts: Accounts,
    client: TestClient,
    enter: Enter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enter(Role.ADMIN)

    def person(_secret: str) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(accounts, "person", person)
    with caplog.at_level(logging.ERROR):
        reply = client.get("/ask")
    assert (reply.status_code, reply.text) == (503, "The data cannot be read now. Tell an admin.")
    assert caplog.messages == ["nobody can be let in: the disk is gone"]


def test_a_body_is_not_read_of_who_is_not_signed_in(accounts: Accounts) -> None:
    scope = scope_of(method="PUT", path="/_stcore/upload_file/s/f")
    passed, sent = through(accounts, scope)
    assert not passed
    assert sent[0]["status"] == 401


# Signing in


def test_a_page_leads_to_signing_in_and_back(client: TestClient) -> None:
    html = {"Accept": "text/html"}
    reply = client.get("/document?id=d1&page=2", headers=html)
    assert reply.status_code == 303
    assert reply.headers["location"] == "/plinth/sign-in?next=%2Fdocument%3Fid%3Dd1%26page%3D2"
    assert client.get("/ask", headers=html).headers["location"] == "/plinth/sign-in?next=%2Fask"
    assert client.get("/", headers=html).headers["location"] == "/plinth/sign-in"


@pytest.mark.parametrize(
    "asked",
    [
        {"method": "GET"},  # no page is wanted
        {"method": "GET", "headers": {"Accept": "application/json"}},
        {"method": "POST", "headers": {"Accept": "text/html"}},
        {"method": "HEAD", "headers": {"Accept": "text/html"}},
    ],
)
def test_what_is_not_a_page_is_told_to_sign_in(client: TestClient, asked: dict[str, Any]) -> None:
    reply = client.request(url="/document", **asked)
    assert reply.status_code == 401
    assert reply.text == ("" if asked["method"] == "HEAD" else "Sign in first.")


def test_a_request_without_a_kind_wanted_is_told_to_sign_in(accounts: Accounts) -> None:
    passed, sent = through(accounts, scope_of(path="/ask"))
    assert not passed
    assert sent[0]["status"] == 401


def test_an_address_that_is_no_text_leads_back_unchanged(accounts: Accounts) -> None:
    headers = [(b"host", HOST.encode()), (b"accept", b"text/html")]
    scope = scope_of(path="/ask", query_string=b"q=\xe9", headers=headers)
    (start, *_) = through(accounts, scope)[1]
    assert dict(start["headers"])[b"location"] == b"/plinth/sign-in?next=%2Fask%3Fq%3D%C3%A9"


# WebSockets and other sites


@pytest.mark.parametrize("secret", [None, "", "made up", 'a"; x'])
def test_a_websocket_is_refused_before_anything_of_it_is_read(
    client: TestClient, secret: str | None
) -> None:
    if secret is not None:
        client.cookies.set(COOKIE, secret)
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect(STREAM, headers=HERE),
    ):
        pytest.fail("it was accepted")
    assert refused.value.code == 1008  # against the rules


def test_a_websocket_of_who_is_signed_in_is_accepted(client: TestClient, enter: Enter) -> None:
    enter(Role.ADMIN)
    with client.websocket_connect(STREAM, headers=HERE) as socket:
        assert socket.receive()["type"] == "websocket.close"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_pages_change_nothing(
    client: TestClient, enter: Enter, headers: dict[str, str]
) -> None:
    enter(Role.ADMIN)
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/plinth/uploads", "/plinth/sign-in"):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code == 403
            assert reply.text == "This request came from another site's page."
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(STREAM, headers={"Host": HOST, **headers}),
    ):
        pytest.fail("it was accepted")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_links_of_other_sites_lead_here(client: TestClient, enter: Enter, method: str) -> None:
    enter(Role.EMPLOYEE)
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.request(method, "/ask", headers=headers).status_code == 200
    assert client.request(method, "/plinth/uploads", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no browser
        {"Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},  # a form of a page without referrer
    ],
)
def test_our_own_pages_and_programs_change_things(
    client: TestClient, enter: Enter, headers: dict[str, str]
) -> None:
    enter(Role.ADMIN)
    for path in ("/plinth/uploads", "/plinth/sign-in"):
        assert client.post(path, headers=headers).text == "behind"
