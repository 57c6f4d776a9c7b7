"""Signing in by a provider as people meet it: two servers, one browser, our strict headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from assistant.access import Role
from assistant.store.catalog import open_catalog
from tests.browser.app import STEP_MS, RunningApp, environment, running_app, wait_until_settled
from tests.ui.web.openid_provider import CLIENT_ID, CLIENT_SECRET, running_provider
from ui.web.access_rules import OPENID_END_PATH
from ui.web.cookies import COOKIE, OPENID_COOKIE

ACCOUNTS = {
    "1": {"email": "ann@corp.example", "email_verified": True},
    "2": {"email": "mallory@corp.example", "email_verified": True},
}
BUTTON = "Sign in with Example Inc."


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider(ACCOUNTS) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def app(
    browser: Browser, issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    """The app with a provider, without a document, with stand-ins for models."""
    data_dir = tmp_path_factory.mktemp("openid")
    settings = {
        "PLINTH_MODELS__GENERATOR": "fake-generator",
        "PLINTH_MODELS__EMBEDDER": "fake-embedder",
        "PLINTH_OPENID__ISSUER": issuer,
        "PLINTH_OPENID__CLIENT_ID": CLIENT_ID,
        "PLINTH_OPENID__CLIENT_SECRET": CLIENT_SECRET,
        "PLINTH_OPENID__LABEL": BUTTON,
    }
    with open_catalog(data_dir) as catalog:
        catalog.edit_people("test").add_user("ann@corp.example", role=Role.ADMIN)
    with running_app(data_dir, environment(data_dir, settings)) as running:
        yield running


@pytest.fixture
def context(browser: Browser, issuer: str, app: RunningApp) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(STEP_MS)
    foreign: list[str] = []
    refused: list[str] = []

    def check(request: Request) -> None:
        if not request.url.startswith((f"{app.url}/", f"{issuer}/", "data:", "blob:")):
            foreign.append(request.url)

    def note(message: ConsoleMessage) -> None:
        if "form-action" in message.text:
            refused.append(message.text)

    context.on("request", check)
    context.on("console", note)
    yield context
    context.close()
    assert foreign == []
    assert refused == []


def at_provider(page: Page, login: str) -> None:
    page.get_by_role("link", name=BUTTON).click()
    page.get_by_label("Login").fill(login)
    page.get_by_role("button", name="Continue").click()


def test_a_page_is_found_again_after_signing_in_by_the_provider(
    context: BrowserContext, app: RunningApp
) -> None:
    page = context.new_page()
    page.goto(f"{app.url}/people")
    at_provider(page, "1")
    page.get_by_role("heading", name="People", exact=True).wait_for()
    wait_until_settled(page)
    assert page.url == f"{app.url}/people"
    kept = {one["name"] for one in context.cookies(f"{app.url}{OPENID_END_PATH}")}
    assert COOKIE in kept
    assert OPENID_COOKIE not in kept
    page.get_by_text("signs in by company account").wait_for()
    page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name="Unlink account").click()
    page.get_by_text("You are signed out").wait_for()
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_role("link", name=BUTTON).click()  # the provider knows this browser
    page.get_by_placeholder("Ask about your documents").wait_for()


def test_who_was_not_added_stays_outside_with_a_plain_page(
    context: BrowserContext, app: RunningApp
) -> None:
    page = context.new_page()
    page.goto(app.url)
    at_provider(page, "2")
    page.get_by_text("Ask your admin to add you").wait_for()
    assert page.url.startswith(f"{app.url}{OPENID_END_PATH}?")
    page.get_by_role("link", name="Back to signing in").click()
    page.get_by_label("Password").wait_for()
    page.goto(f"{app.url}/plinth/link?secret=s3cret")
    page.get_by_text("does not work any more").wait_for()
    log = (app.data_dir / "serve.log").read_text(encoding="utf-8")
    assert "sign-in by the provider failed" in log
    assert "code=" not in log
    assert "s3cret" not in log
    assert "eyJ" not in log
    assert CLIENT_SECRET not in log
