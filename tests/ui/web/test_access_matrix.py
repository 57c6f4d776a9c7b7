"""Every role against every action, every service and every route; generated from the code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.runtime import Runtime

from assistant.access import ALLOWED, Action, Person, ReadableSet, Role
from assistant.errors import ForbiddenError
from tests.ui.web.conftest import ORIGIN, SignIn, visit
from ui.web.access_rules import BELOW, EXACT, Rule, rule_of
from ui.web.cookies import COOKIE
from ui.web.desk import Desk, Service, SignedOutError
from ui.web.gate import GateMiddleware
from ui.web.resources import Resources
from ui.web.server import build_app

SERVICES = {name: one for name, one in vars(Desk).items() if isinstance(one, Service)}
HERE = {"Origin": ORIGIN, "Host": "127.0.0.1:8501"}
FOR_NOBODY = {
    # Agents and sign-in of Streamlit's own, its old components, static files of an app, metrics.
    "/_stcore/agent/",
    "/auth/login",
    "/auth/logout",
    "/oauth2callback",
    "/component/",
    "/app/static/",
    "/_stcore/metrics",
    "/_stcore/script-health-check",
}


def person(role: Role) -> Person:
    return Person(
        user_id=1,
        name="ann",
        role=role,
        readable=ReadableSet(),
        owner="user:1",
        session_id="s",
        has_password=False,
    )


def test_every_action_has_a_rule() -> None:
    assert set(ALLOWED) == set(Action)
    assert all(Role.ADMIN in roles for roles in ALLOWED.values())


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_an_action_passes_for_its_roles_only(role: Role, action: Action) -> None:
    one = person(role)
    assert one.may(action) == (role in ALLOWED[action])
    if role in ALLOWED[action]:
        one.require(action)
    else:
        with pytest.raises(ForbiddenError, match="ask an admin"):
            one.require(action)


def test_an_action_without_a_rule_is_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.access.ALLOWED", {})
    assert not any(person(role).may(action) for role in Role for action in Action)


def test_a_desk_gives_nothing_but_services() -> None:
    public = {name for name in dir(Desk) if not name.startswith("_")}
    assert public == {*SERVICES, "person"}


@pytest.mark.parametrize("role", list(Role))
def test_a_service_is_given_to_its_roles_only(sign_in: SignIn, role: Role) -> None:
    desk = sign_in(f"a {role}", role)
    given = set()
    for name, one in SERVICES.items():
        try:
            getattr(desk, name)
        except ForbiddenError:
            assert role not in ALLOWED[one.action]
        else:
            given.add(name)
            assert role in ALLOWED[one.action]
    assert {"conversations", "answers", "documents", "account"} <= given


@pytest.mark.parametrize("name", sorted({*SERVICES, "person"}))
def test_who_is_not_signed_in_gets_no_service(opened: Resources, name: str) -> None:
    for secret in ("", "made up"):
        with pytest.raises(SignedOutError):
            getattr(Desk(opened, secret), name)


def calls(service: object) -> Iterator[tuple[str, Any]]:
    """Give what calls each public method and property of a service, whatever its arguments."""
    for name, member in inspect.getmembers(type(service)):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield name, lambda name=name: getattr(service, name)
            continue
        needed: dict[str, Any] = {}
        positional = []
        for parameter in list(inspect.signature(member).parameters.values())[1:]:
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                needed[parameter.name] = None
            elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                positional.append(SimpleNamespace(readable=None, abandon=lambda _: None))
        yield name, lambda name=name, p=positional, n=needed: getattr(service, name)(*p, **n)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"warming"}))
def test_a_service_asks_again_who_is_there_at_every_call(
    opened: Resources, sign_in: SignIn, name: str
) -> None:
    desk = sign_in()
    service = getattr(desk, name)
    opened.accounts.sign_out(desk.person.session_id, by="test")
    names = []
    for method, call in calls(service):
        if method == "end_if_changed":  # ends what is under way instead
            continue
        names.append(method)
        with pytest.raises(SignedOutError):
            _called(call)
    assert names


def _called(call: Callable[[], Any]) -> None:
    made = call()
    if inspect.isawaitable(made):

        async def wait() -> None:
            await made

        anyio.run(wait)


# Routes


def all_routes(opened: Resources) -> list[BaseRoute]:
    return list(build_app(opened, "127.0.0.1")._build_starlette_app().routes)


def example(path: str) -> str:
    """Give an address that a route answers."""
    for name, value in (
        ("{document_id}", "d1"),
        ("{version}", "v1"),
        ("{page_number:int}", "1"),
        ("{chunk_id:int}", "1"),
        ("{job_id:int}", "1"),
        ("{session_id}", "s1"),
        ("{file_id}", "f1"),
        ("{file_id:path}", "f1"),
        ("{path:path}", "x.js"),
    ):
        path = path.replace(name, value)
    assert "{" not in path
    return path


@pytest.fixture
def addresses(opened: Resources, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """One address of every route that the program and Streamlit serve."""
    monkeypatch.setattr(Runtime, "_instance", None)  # building the app makes one
    return {example(route.path) or "/" for route in all_routes(opened) if hasattr(route, "path")}


def test_every_route_has_a_rule_or_is_for_nobody(addresses: set[str]) -> None:
    without = {one for one in addresses if rule_of(one) is None}
    unknown = {one for one in without if not one.startswith(tuple(FOR_NOBODY))}
    assert unknown <= {"/x.js"}  # the rest of the folder that `/` lies in
    assert {rule_of(one) for one in addresses} >= {Rule.PUBLIC, Rule.SIGNED_IN, Action.READ}


def test_what_is_public_is_a_page_of_our_own(addresses: set[str]) -> None:
    """What no route of ours answers would come to Streamlit's, which serves its page."""
    public = {one for one, rule in {**EXACT, **BELOW}.items() if rule is Rule.PUBLIC}
    assert public <= addresses


@pytest.fixture
def client(opened: Resources) -> TestClient:
    """A gate with nothing but an answer behind it."""

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            await socket.close()
        else:
            await PlainTextResponse("behind")(scope, receive, send)

    return TestClient(
        GateMiddleware(behind, opened.accounts), base_url=ORIGIN, follow_redirects=False
    )


def passes(client: TestClient, address: str, method: str = "GET") -> bool:
    return client.request(method, address, headers={"Origin": ORIGIN}).text == "behind"


def test_the_gate_lets_nobody_in_but_to_what_is_public(
    client: TestClient, addresses: set[str]
) -> None:
    for address in {*addresses, *EXACT, *BELOW}:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            is_public = rule_of(address) is Rule.PUBLIC
            assert passes(client, address, method) == is_public, (method, address)


@pytest.mark.parametrize("role", list(Role))
def test_the_gate_lets_each_role_in_by_its_rule(
    client: TestClient, addresses: set[str], sign_in: SignIn, role: Role
) -> None:
    sign_in(f"a {role}", role)
    visit(client)
    for address in {*addresses, *EXACT, *BELOW}:
        rule = rule_of(address)
        allowed = rule is not None and (not isinstance(rule, Action) or role in ALLOWED[rule])
        assert passes(client, address) == allowed, address


@pytest.mark.parametrize("secret", [None, "", "made up", 'a"; x'])
def test_a_websocket_is_refused_before_anything_of_it_is_read(
    client: TestClient, secret: str | None
) -> None:
    if secret is not None:
        client.cookies.set(COOKIE, secret)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=HERE),
    ):
        pytest.fail("it was accepted")


def test_a_websocket_of_who_is_signed_in_is_accepted(client: TestClient, desk: Desk) -> None:
    visit(client)
    with client.websocket_connect("/_stcore/stream", headers=HERE) as socket:
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
    client: TestClient, desk: Desk, headers: dict[str, str]
) -> None:
    visit(client)
    for method in ("POST", "PUT", "DELETE"):
        assert client.request(method, "/plinth/uploads", headers=headers).status_code == 403
        assert client.request(method, "/plinth/sign-in", headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers={"Host": HERE["Host"], **headers}),
    ):
        pytest.fail("it was accepted")


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no browser
        {"Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},  # a form of a page without referrer
    ],
)
def test_our_own_pages_and_programs_change_things(
    client: TestClient, desk: Desk, headers: dict[str, str]
) -> None:
    visit(client)
    for path in ("/plinth/uploads", "/plinth/sign-in"):
        assert client.post(path, headers=headers).text == "behind"


def test_a_page_leads_to_signing_in_and_back(client: TestClient) -> None:
    reply = client.get("/document?id=d1&page=2", headers={"Accept": "text/html"})
    assert reply.status_code == 303
    assert reply.headers["location"] == "/plinth/sign-in?next=%2Fdocument%3Fid%3Dd1%26page%3D2"
    assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/plinth/sign-in"
    assert client.get("/document").status_code == 401


def test_a_body_is_not_read_of_who_is_not_signed_in(opened: Resources) -> None:
    sent = []

    async def run() -> None:
        async def receive() -> Any:
            pytest.fail("the body was asked for")

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "PUT",
            "path": "/_stcore/upload_file/s/f",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8501")],
        }
        await GateMiddleware(_unreachable, opened.accounts)(scope, receive, send)

    anyio.run(run)
    assert sent[0]["status"] == 401


async def _unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
    pytest.fail("it came through")
