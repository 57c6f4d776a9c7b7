from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    expect,
)
from playwright.sync_api import Error as PlaywrightError

from assistant.access import Role
from evals.suites import SAMPLE
from tests.browser.app import (
    STEP_MS,
    TRY_MS,
    RunningApp,
    ask,
    chromium,
    environment,
    ingest,
    open_browser,
    running_app,
    sign_in,
    wait_for_reply,
    wait_until_settled,
)

HERE = Path(__file__).parent
SETTINGS = {
    "PLINTH_MODELS__GENERATOR": "smollm2-135m-instruct",
    # The small model's right answers are rarely sure ones; pages are tested here, not answers.
    "PLINTH_ANSWER__MIN_CONFIDENCE": "0.05",
    # What happens while an answer is written is tested; one from memory is there at once.
    "PLINTH_ANSWER__KEPT_REPLY_BYTES": "0",
}
PDF_QUESTION = "For how many weeks is the full salary paid during illness after probation?"
"""The small model answers it with a sentence of `employee-handbook.pdf`, page 3."""
HARMLESS = (
    # `window.prerenderReady = false`, for crawlers, in Streamlit's page; the policy refuses it.
    "sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA=",
)
PROBED = ("/_stcore/health", "/_stcore/host-config")
"""On a page's own address, Streamlit looks below it first for the server, where nothing is."""
LOCAL = ("data:", "blob:")
_visitors = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.model)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Tell with a failure what its pages showed: it may have needed a machine as busy."""
    browser = getattr(item, "funcargs", {}).get("browser")
    if call.when == "call" and call.excinfo is not None and browser is not None:
        for context in browser.contexts:
            _tell_pages(context, call.excinfo.value)


def _tell_pages(context: BrowserContext, error: BaseException) -> None:
    for page in context.pages:
        try:
            shown = page.locator("body").aria_snapshot(timeout=TRY_MS)
        except PlaywrightError as unknown:
            shown = str(unknown)
        error.add_note(f"{page.url} showed:\n{shown}")


@dataclass
class Visitor:
    """A browser of its own, with its cookie, that watches what its pages do."""

    app: RunningApp
    context: BrowserContext
    foreign: list[str] = field(default_factory=list)
    """Addresses of other origins that were asked for."""
    errors: list[str] = field(default_factory=list)

    def open(
        self,
        path: str = "/",
        *,
        size: tuple[int, int] = (1440, 900),
        scheme: Any = "light",
        mark: str = "Ask about your documents",
    ) -> Page:
        """Open a page and wait until it is there: until `mark` stands on it."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", self._check)
        page.on("dialog", self._dismiss)
        page.on("popup", lambda opened: self.errors.append(f"opened {opened.url}"))
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)
        page.goto(self.app.url + path)
        page.get_by_placeholder(mark).or_(page.get_by_text(mark, exact=True)).first.wait_for()
        wait_until_settled(page)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        is_known = any(known in message.text for known in HARMLESS)
        is_probe = str(message.location.get("url", "")).endswith(PROBED)
        if message.type == "error" and not is_known and not is_probe:
            self.errors.append(message.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.errors.append(f"said {dialog.message}")
        dialog.dismiss()

    def _check(self, request: Request) -> None:
        ours = (f"{self.app.url}/", *LOCAL)
        if not request.url.startswith(ours):
            self.foreign.append(request.url)


@dataclass(frozen=True)
class Asked:
    """A conversation that was held, and the browser that may see it."""

    path: str
    storage: Any


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Of the package, not the session: Playwright's event loop must not outlive these tests.
    executable = chromium()
    if executable is None:
        message = "no Chromium is installed; apt.txt names the package"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=STEP_MS)
    with open_browser(executable) as opened:
        yield opened


@pytest.fixture(scope="package")
def app(
    browser: Browser,  # first: without it there is no need to start anything
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningApp]:
    """The app on the sample corpus, with the small real model."""
    data_dir = tmp_path_factory.mktemp("data")
    environ = environment(data_dir, SETTINGS)
    ingest(SAMPLE / "corpus", "sample", environ)
    with running_app(data_dir, environ) as running:
        yield running


@pytest.fixture
def visitor(app: RunningApp, browser: Browser) -> Iterator[Visitor]:
    with visit(app, browser) as visitor:
        yield visitor


@pytest.fixture
def returning(app: RunningApp, browser: Browser, asked: Asked) -> Iterator[Visitor]:
    """The browser that asked the question of `asked`."""
    with visit(app, browser, asked.storage) as visitor:
        yield visitor


@pytest.fixture(scope="package")
def asked(app: RunningApp, browser: Browser) -> Asked:
    """A conversation in which the question about the PDF was answered."""
    with visit(app, browser) as visitor:
        page = visitor.open()
        ask(page, PDF_QUESTION)
        wait_for_reply(page)
        return Asked(page.url.removeprefix(app.url), visitor.context.storage_state())


@contextmanager
def visit(
    app: RunningApp,
    browser: Browser,
    storage: Any = None,
    role: Role | None = Role.ADMIN,
    *,
    name: str | None = None,
    groups: Sequence[str] = (),
) -> Iterator[Visitor]:
    """Open a browser of its own; at the end tell what its pages should not have done.

    Args:
        app: The server.
        browser: What is opened.
        storage: Of an earlier visit, to return as the same person.
        role: Of the new person who is signed in otherwise; None: nobody is.
        name: Of the new person; else one that nobody has.
        groups: Of the new person.
    """
    context = browser.new_context(storage_state=storage)
    context.set_default_timeout(STEP_MS)
    if storage is None and role is not None:
        # Everybody of a name of their own: conversations are a person's, not a browser's.
        sign_in(context, app, name or f"{role} {next(_visitors)}", role, groups)
    visitor = Visitor(app, context)
    try:
        yield visitor
    except Exception as error:
        _tell_pages(context, error)
        raise
    finally:
        context.close()
    assert visitor.foreign == []
    assert visitor.errors == []
