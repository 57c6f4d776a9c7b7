from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient

from assistant.access import Role
from assistant.store.types import AuditAction
from tests.ui.web.conftest import ORIGIN
from ui.addresses import LINK_PATH
from ui.web import sign_in_routes
from ui.web.access_rules import SIGN_IN_PATH
from ui.web.cookies import COOKIE, EARLIER_COOKIE
from ui.web.gate import GateMiddleware
from ui.web.resources import Resources
from ui.web.routes import health
from ui.web.sign_in_pages import safe_address
from ui.web.sign_in_routes import SignInPages
from ui.web.throttle import OF_BOTH, Throttle

PASSWORD = "three plain words"
HERE = {"Origin": ORIGIN}


@pytest.fixture
def client(opened: Resources) -> TestClient:
    """The pages of signing in, the gate before them and one page behind it."""
    editor = opened.catalog.edit_people("test")
    editor.add_user("ann")
    editor.add_user("root", role=Role.ADMIN)
    opened.accounts.set_password("ann", PASSWORD, by="test")
    app = Starlette(
        routes=[*SignInPages().routes(), Route("/", health)],
        middleware=[Middleware(GateMiddleware, accounts=opened.accounts)],
    )
    return TestClient(app, base_url=ORIGIN, follow_redirects=False)


def send(client: TestClient, name: str = "ann", password: str = PASSWORD, next: str = "/"):  # type: ignore[no-untyped-def]  # httpx's own type
    form = {"name": name, "password": password, "next": next}
    return client.post(SIGN_IN_PATH, data=form, headers=HERE)


def by_link(client: TestClient, secret: str, **form: str):  # type: ignore[no-untyped-def]
    return client.post(LINK_PATH, data={"secret": secret, **form}, headers=HERE)


def is_in(client: TestClient) -> bool:
    return client.get("/").status_code == 200


def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(client: TestClient) -> None:
    assert not is_in(client)
    reply = send(client, next="/documents?x=1")
    assert (reply.status_code, reply.headers["location"]) == (303, "/documents?x=1")
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # on loopback, without TLS
    assert is_in(client)


def test_cookie_is_secure_where_people_use_https(
    client: TestClient, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = opened.settings.model_copy(
        update={
            "sign_in": opened.settings.sign_in.model_copy(update={"address": "https://p.example"})
        }
    )
    monkeypatch.setattr(type(opened), "settings", settings, raising=False)
    cookie = send(client).headers["set-cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "; Secure" in cookie
    assert "Path=/;" in cookie


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("root", ""), ("", "")]
)
def test_a_failed_sign_in_says_the_same_whatever_is_wrong(
    client: TestClient, name: str, password: str
) -> None:
    reply, other = send(client, name, password), send(client, "no such person", "x")
    assert reply.status_code == other.status_code == 403
    assert "set-cookie" not in reply.headers
    assert _without_name(reply.text) == _without_name(other.text)
    assert "do not fit" in reply.text
    assert not is_in(client)


def _without_name(page: str) -> str:
    return re.sub(r'value="[^"]*"| autofocus', "", page)


def test_too_many_failures_have_to_wait(client: TestClient, opened: Resources) -> None:
    for _ in range(OF_BOTH.amount):
        assert send(client, password="wrong").status_code == 403
    for _ in range(2):
        reply = send(client)
        assert reply.status_code == 429
        assert "Wait a minute" in reply.text
    assert send(client, "root", "wrong").status_code == 403  # another name
    failed = opened.catalog.audit.entries(action=AuditAction.SIGN_IN_FAILED, limit=99)
    assert len(failed) == OF_BOTH.amount + 1  # those turned away are not recorded


def test_a_crowd_is_turned_away_without_waiting(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_routes, "MOST_WAITING", 0)
    reply = send(client)
    assert reply.status_code == 503
    assert "Try again" in reply.text
    assert send(client).headers.get("set-cookie") is None


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        ("/", "/"),
        ("/documents", "/documents"),
        ("/document?id=1&page=2", "/document?id=1&page=2"),
        ("", "/"),
        ("documents", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/documents\r\nSet-Cookie: x=1", "/"),
        ("/plinth/audit.jsonl", "/"),
        ("/no/such/page", "/"),
        ("http://[", "/"),
    ],
)
def test_signing_in_leads_to_our_own_pages_only(wanted: str, address: str) -> None:
    assert safe_address(wanted) == address


def test_what_was_typed_is_shown_as_text(client: TestClient) -> None:
    hostile = '"><script src="//evil.example"></script>'
    page = send(client, hostile, "x", next=hostile).text
    assert "<script" not in page
    assert "&lt;script" in page


def test_a_long_form_is_refused(client: TestClient) -> None:
    assert send(client, password="x" * 10_000).status_code == 413
    assert by_link(client, "x" * 10_000).status_code == 413


def test_a_new_sign_in_ends_the_browsers_earlier_session(
    client: TestClient, opened: Resources
) -> None:
    send(client)
    first = client.cookies[COOKIE]
    send(client)
    assert client.cookies[COOKIE] != first
    assert opened.accounts.person(first) is None
    assert len(opened.accounts.sessions("ann")) == 1


def test_following_a_link_changes_nothing(client: TestClient, opened: Resources) -> None:
    secret = opened.accounts.make_link("root", by="test")
    for _ in range(3):
        page = client.get(LINK_PATH, params={"secret": secret})
        assert page.status_code == 200
        assert "root" in page.text
        assert page.headers["cache-control"] == "no-store"
    assert not is_in(client)


def test_a_link_signs_in_once_and_sets_the_password(client: TestClient, opened: Resources) -> None:
    secret = opened.accounts.make_link("root", by="test")
    assert by_link(client, secret, password=PASSWORD, again=PASSWORD).status_code == 303
    assert is_in(client)
    client.cookies.clear()
    again = by_link(client, secret, later="1")
    assert again.status_code == 404
    assert "does not work any more" in again.text
    assert not is_in(client)
    assert send(client, "root").status_code == 303


def test_a_link_signs_in_without_a_password(client: TestClient, opened: Resources) -> None:
    by_link(client, opened.accounts.make_link("root", by="test"), later="1")
    assert is_in(client)
    client.cookies.clear()
    assert send(client, "root", "").status_code == 403


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"password": "short", "again": "short"}, "A password has 10"),
        ({"password": PASSWORD, "again": "another"}, "are different"),
        ({"password": PASSWORD}, "are different"),
        ({"again": PASSWORD}, "are different"),
    ],
)
def test_a_password_that_will_not_do_keeps_the_link(
    client: TestClient, opened: Resources, form: dict[str, str], said: str
) -> None:
    secret = opened.accounts.make_link("root", by="test")
    reply = by_link(client, secret, **form)
    assert reply.status_code == 422
    assert said in reply.text
    assert by_link(client, secret, later="1").status_code == 303


def test_a_made_up_link_is_of_no_use(client: TestClient) -> None:
    for secret in ("", "x"):
        assert client.get(LINK_PATH, params={"secret": secret}).status_code == 404
        assert by_link(client, secret, later="1").status_code == 404


def test_first_admin_finds_the_conversations_of_this_browser_again(
    client: TestClient, opened: Resources
) -> None:
    from hashlib import sha256

    owner = "browser:" + sha256(b"old secret").hexdigest()[:32]
    reply = {"citations": [], "passages": [], "status": "answered"}
    opened.catalog.conversations.add_turn(None, owner, "Before?", reply)
    client.cookies.set(EARLIER_COOKIE, "old secret")
    send(client)  # no admin
    assert len(opened.catalog.conversations.list(owner)) == 1
    client.cookies.set(EARLIER_COOKIE, "old secret")
    by_link(client, opened.accounts.make_link("root", by="test"), later="1")
    person = opened.accounts.person(client.cookies[COOKIE])
    assert person is not None
    assert [one.title for one in opened.catalog.conversations.list(person.owner)] == ["Before?"]


def test_pages_of_signing_in_have_no_script_and_no_foreign_address(client: TestClient) -> None:
    page = client.get(SIGN_IN_PATH).text
    assert "<script" not in page
    assert "http" not in page
    assert '<label for="password">' in page


def test_addresses_that_are_one_senders_are_counted_together() -> None:
    throttle = Throttle()
    for number in range(OF_BOTH.amount):
        throttle.count_failure("ann", f"2001:db8::{number}")
    assert not throttle.is_open("ann", "2001:db8::ffff")
    assert throttle.is_open("ann", "2001:db8:0:1::1")
    for _ in range(OF_BOTH.amount):
        throttle.count_failure("bob", "::ffff:192.0.2.1")
    assert not throttle.is_open("bob", "192.0.2.1")
    assert throttle.is_open("bob", "::ffff:192.0.2.2")
