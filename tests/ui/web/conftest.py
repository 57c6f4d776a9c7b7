from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from assistant.access import Role
from assistant.store.accounts import Accounts
from evals.suites import SAMPLE
from tests.ui.conftest import Plinth
from ui.web import sessions
from ui.web.cookies import COOKIE
from ui.web.desk import Desk
from ui.web.gate import GateMiddleware
from ui.web.resources import Resources, installed, open_resources

LOAD_S = 60.0
ORIGIN = "http://127.0.0.1:8501"

SignIn = Callable[..., Desk]


@pytest.fixture
def opened(asking: Plinth, folder: Path, data_dir: Path) -> Iterator[Resources]:
    """The resources of a server on the three documents and a PDF, with stand-in models."""
    shutil.copy(SAMPLE / "corpus" / "employee-handbook.pdf", folder)
    assert asking("ingest", folder).exit_code == 0
    with open_resources(data_dir) as resources, installed(resources):
        resources.engine.result(LOAD_S)
        yield resources


@pytest.fixture
def sign_in(opened: Resources, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Add a person, if there is none of the name, and put this one at the browser."""

    def run(name: str = "root", role: Role = Role.ADMIN, groups: tuple[str, ...] = ()) -> Desk:
        if name not in {one.name for one in opened.catalog.people.users()}:
            opened.catalog.edit_people("test").add_user(name, role=role, groups=groups)
        secret = opened.accounts.use_link(
            opened.accounts.make_link(name, by="test"), password=None, browser="", address=""
        )
        monkeypatch.setattr(sessions, "browser_secret", lambda: secret)  # AppTest has no cookies
        return Desk(opened, secret)

    return run


@pytest.fixture
def desk(sign_in: SignIn) -> Desk:
    """The desk of an admin, who is at the browser."""
    return sign_in()


def visit(client: TestClient) -> TestClient:
    """Let a client send the cookie of who is at the browser."""
    client.cookies.set(COOKIE, sessions.browser_secret())
    return client


def behind_gate(
    accounts: Accounts, *, with_openid: bool = False, metrics_token: str = ""
) -> TestClient:
    """Give a client of a gate with nothing but an answer behind it."""

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            await socket.close()
        else:
            await PlainTextResponse("behind")(scope, receive, send)

    gate = GateMiddleware(behind, accounts, with_openid=with_openid, metrics_token=metrics_token)
    return TestClient(gate, base_url=ORIGIN, follow_redirects=False)
