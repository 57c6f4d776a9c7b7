"""Every role against every service and every route; generated from the code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from streamlit.runtime import Runtime

from assistant.access import ALLOWED, Action, Role
from assistant.errors import ForbiddenError
from assistant.settings import OpenIdSettings
from tests.ui.web.conftest import ORIGIN, SignIn, behind_gate, visit
from ui.settings import Settings
from ui.web.access_rules import BELOW, EXACT, OPENID, Rule, rule_of
from ui.web.desk import Desk, Service, SignedOutError
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
        ("{ordinal}", "1"),
        ("{page}", "1"),
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


def test_a_provider_opens_its_two_addresses_and_no_others(
    opened: Resources, addresses: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {rule_of(one) for one in OPENID} == {None}
    assert not addresses & set(OPENID)
    monkeypatch.setattr(Runtime, "_instance", None)
    openid = OpenIdSettings(issuer="https://id.example", client_id="plinth")
    settings: Settings = opened.settings.model_copy(update={"openid": openid})
    routes = all_routes(replace(opened, settings=settings))
    with_openid = {example(route.path) or "/" for route in routes if hasattr(route, "path")}
    assert with_openid - addresses == set(OPENID)
    for address in with_openid:
        rule = OPENID.get(address, rule_of(address))
        assert rule_of(address, with_openid=True) is rule
    assert set(OPENID.values()) == {Rule.PUBLIC}


@pytest.fixture
def client(opened: Resources) -> TestClient:
    """The gate where people sign in by password and link only."""
    return behind_gate(opened.accounts)


def passes(client: TestClient, address: str, method: str = "GET") -> bool:
    return client.request(method, address, headers={"Origin": ORIGIN}).text == "behind"


def test_the_gate_lets_nobody_in_but_to_what_is_public(
    opened: Resources, addresses: set[str]
) -> None:
    for with_openid in (False, True):
        client = behind_gate(opened.accounts, with_openid=with_openid)
        for address in {*addresses, *EXACT, *BELOW, *OPENID}:
            for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
                is_public = rule_of(address, with_openid=with_openid) is Rule.PUBLIC
                assert passes(client, address, method) == is_public, (method, address)


@pytest.mark.parametrize("role", list(Role))
def test_the_gate_lets_each_role_in_by_its_rule(
    client: TestClient, addresses: set[str], sign_in: SignIn, role: Role
) -> None:
    sign_in(f"a {role}", role)
    visit(client)
    for address in {*addresses, *EXACT, *BELOW, *OPENID}:
        rule = rule_of(address)
        allowed = rule is not None and (not isinstance(rule, Action) or role in ALLOWED[rule])
        assert passes(client, address) == allowed, address
