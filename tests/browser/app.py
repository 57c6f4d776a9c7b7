"""The real app as a process and a real browser, for tests and screenshots."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Locator,
    Page,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from assistant.access import Role
from assistant.settings import SignInSettings
from assistant.store.catalog import open_catalog
from ui.addresses import SECRET, link_address
from ui.web.cookies import COOKIE

PROJECT = Path(__file__).resolve().parents[2]
PLINTH = [sys.executable, "-c", "from ui.cli.main import main; main()"]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever a page asks for elsewhere, by name or number, comes to where a test can hear it.
    "--host-resolver-rules=MAP * 127.0.0.2, EXCLUDE 127.0.0.1",
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"
"""As whom a browser is known that is signed in from the start."""
LOADED_S = 120.0
POLL_S = 0.2
END_S = 30.0
ANSWER_MS = 90_000.0
STEP_MS = 45_000.0
"""For everything but an answer; a busy machine is slow, not wrong."""
TRIES = 5
TRY_MS = 5_000.0
SETTLED = """() => document.readyState === 'complete'
    && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')
    && [...document.images].every(image => image.complete)
    && !document.getAnimations().some(one => one.playState === 'running'
        && one.effect.getComputedTiming().endTime !== Infinity)"""
"""Nothing loads, and nothing fades: half-faded text has neither its colour nor its contrast."""


@dataclass(frozen=True)
class RunningApp:
    """A server whose models are loaded."""

    url: str
    """Its origin, without a slash at the end."""
    data_dir: Path


def chromium() -> str | None:
    """Return the installed browser; None if there is none."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def environment(data_dir: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with these settings and no others."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PLINTH_") or name == "PLINTH_MODELS_DIR"
    }
    return kept | {"PLINTH_DATA_DIR": str(data_dir)} | dict(settings)


def ingest(folder: Path, collection: str, environ: Mapping[str, str]) -> None:
    """Take a folder in, as an admin would."""
    command = [*PLINTH, "ingest", str(folder), "--collection", collection]
    done = subprocess.run(command, env=dict(environ), cwd=PROJECT, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())


@contextmanager
def running_app(
    data_dir: Path, environ: Mapping[str, str], command: Sequence[str] = PLINTH
) -> Iterator[RunningApp]:
    """Serve a data dir on a free loopback port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = data_dir / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "serve", "--port", str(port)],
            env=dict(environ),
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        app = RunningApp(f"http://127.0.0.1:{port}", data_dir)
        _wait_until_loaded(app, process, log)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_loaded(app: RunningApp, process: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + LOADED_S
    while process.poll() is None and time.monotonic() < last:
        try:
            with urllib.request.urlopen(f"{app.url}/plinth/health", timeout=END_S):
                return
        except (urllib.error.URLError, ConnectionError):  # not listening, or models are loading
            time.sleep(POLL_S)
    raise RuntimeError(f"the app did not come up:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def open_browser(executable: str) -> Iterator[Browser]:
    """Start a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(CHROMIUM_OPTIONS)
        )
        try:
            yield browser
        finally:
            browser.close()


def add_person(
    app: RunningApp, name: str, role: Role = Role.ADMIN, groups: Sequence[str] = ()
) -> str:
    """Add somebody and return the address of the link that signs this one in."""
    with open_catalog(app.data_dir) as catalog:
        catalog.edit_people("test").add_user(name, role=role, groups=groups)
        secret = catalog.accounts(SignInSettings()).make_link(name, by="test")
    return link_address(app.url, secret)


def sign_in(
    context: BrowserContext,
    app: RunningApp,
    name: str,
    role: Role = Role.ADMIN,
    groups: Sequence[str] = (),
) -> None:
    """Add somebody who is signed in at a browser from the start."""
    secret = parse_qs(urlsplit(add_person(app, name, role, groups)).query)[SECRET][0]
    with open_catalog(app.data_dir) as catalog:
        accounts = catalog.accounts(SignInSettings())
        session = accounts.use_link(secret, password=None, browser=AGENT, address="127.0.0.1")
    context.add_cookies([{"name": COOKIE, "value": session, "url": app.url, "httpOnly": True}])


def wait_until_settled(page: Page) -> None:
    """Wait until the page shows all it has and nothing of it is being drawn anew."""
    page.wait_for_function(SETTLED)
    page.evaluate("() => document.fonts.ready.then(() => true)")


def ask(page: Page, question: str) -> None:
    """Send a question by keyboard."""
    box = page.get_by_placeholder("Ask about your documents")
    box.fill(question)
    box.press("Enter")


def wait_for_reply(page: Page, n_replies: int = 1) -> None:
    """Wait until that many replies stand on the page and their address is known."""
    whys = page.get_by_text("Why this answer").or_(page.get_by_text("Why no answer"))
    whys.nth(n_replies - 1).wait_for(timeout=ANSWER_MS)
    page.wait_for_url("**/*conversation=*")
    wait_until_settled(page)


def choose_files(page: Page, files: Sequence[Path | FilePayload]) -> None:
    """Choose files to add on the page Documents, once its box listens."""
    page.locator("[data-part=zone][data-ready]").wait_for()
    page.locator("[data-part=files]").set_input_files(list(files))


def open_new_run(page: Page) -> Locator:
    """Unfold the box that begins a run where there are results, and return its button."""
    folded = page.get_by_text("New run", exact=True)
    ask = page.get_by_role("button", name=re.compile(r"^Ask \d+ questions?$"))
    folded.or_(ask).first.wait_for()
    if folded.count() and not ask.is_visible():
        folded.click()
    ask.wait_for()
    return ask


def turn_to_section(page: Page, name: str) -> None:
    """Turn to a section of the page Evaluate, and wait until it is drawn."""
    page.get_by_role("radio", name=name).first.click()
    marks = {
        "Runs": page.get_by_label("Suite", exact=True),
        "Suites": page.get_by_text("Add a suite", exact=True),
        "Feedback": page.get_by_text("No feedback waits").or_(
            page.locator("[class*='st-key-open-review-']")
        ),
    }
    marks[name].first.wait_for(state="attached")
    wait_until_settled(page)


def begin_suite(page: Page, name: str, collection: str = "sample") -> None:
    """Make an empty suite of a collection in the section Suites, and open it."""
    box = page.get_by_label("Name of the suite")
    _unfold(page, "Add a suite", box)
    box.fill(name)
    # Other tests add collections, which may be offered first.
    choice = page.get_by_role("combobox", name="Questions about the documents of")
    choice.fill(collection)
    page.get_by_role("option", name=collection, exact=True).click()
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("button", name="Add a question").wait_for()
    page.get_by_text(f"Collection {collection}").first.wait_for()


def _unfold(page: Page, name: str, inside: Locator) -> None:
    """Open what is folded, unless it is open already, until what is inside shows.

    One that opens by itself looks closed for a moment, and a press would close it.
    """
    for _ in range(TRIES):
        page.get_by_text(name, exact=True).wait_for()
        wait_until_settled(page)
        if inside.is_visible():
            return
        page.get_by_text(name, exact=True).click()
        with suppress(PlaywrightTimeoutError):
            inside.wait_for(timeout=TRY_MS)
    inside.wait_for()


def import_suite(page: Page, file: FilePayload) -> None:
    """Import a suite file in the section Suites."""
    tab = page.get_by_role("tab", name="Import a file")
    _unfold(page, "Add a suite", tab)
    tab.click()
    page.locator("input[type=file]").set_input_files([file])


def open_handbook(page: Page, words: str) -> None:
    """Choose the one page of the employee handbook that has some words, to select in."""
    find = page.get_by_label("Find the document by its name or title")
    find.focus()  # what was written before is sent, and the page drawn anew
    _search(page, find, "handbook", page.get_by_text("Page (6 of 6)"))
    only = page.get_by_label("Only pages with the words")
    _search(page, only, words, page.get_by_text("Page (1 of 6)"))


def _search(page: Page, box: Locator, words: str, found: Locator) -> None:
    """Write words into a box until what they find is there.

    On a busy machine they were lost once, the page being drawn anew before Enter.
    """
    for _ in range(TRIES):
        wait_until_settled(page)
        box.fill("")
        box.fill(words)
        box.press("Enter")
        try:
            found.wait_for(timeout=TRY_MS)
        except PlaywrightTimeoutError:
            continue
        break
    found.wait_for()
    wait_until_settled(page)


def press_until_gone(page: Page, button: Locator) -> None:
    """Press a button that what it does takes away.

    A press in the moment in which a list that changes by itself is drawn anew is lost.
    """
    for _ in range(TRIES):
        wait_until_settled(page)
        button.click()
        try:
            button.wait_for(state="detached", timeout=TRY_MS)
        except PlaywrightTimeoutError:
            continue
        return
    button.wait_for(state="detached")


def select_text(page: Page, text: str) -> None:
    """Select a passage in the text of a page, by keyboard alone."""
    box = page.locator("[data-part=text]")
    box.wait_for()
    box.focus()
    place, length = box.evaluate("(one, text) => [one.value.indexOf(text), text.length]", text)
    page.keyboard.press("Control+Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")
    for _ in range(length):
        page.keyboard.press("Shift+ArrowRight")


def hover(page: Page, target: Locator) -> Locator:
    """Point at something until its tooltip shows, and return that.

    What is drawn anew under a resting pointer is not pointed at until the pointer moves again.
    """
    tooltip = page.get_by_role("tooltip")
    for _ in range(TRIES):
        wait_until_settled(page)
        target.hover()
        try:
            tooltip.wait_for(timeout=TRY_MS)
        except PlaywrightTimeoutError:
            page.mouse.move(0, 0)
        else:
            break
    return tooltip


def chips(page: Page) -> Locator:
    """Return the buttons that open sources; on narrow pages Streamlit hides a second set."""
    return page.locator("[class*='-cite-'] button:visible")


def open_source(page: Page) -> None:
    """Open the first citation's source and wait until its picture is there."""
    chips(page).first.click()
    page.wait_for_function(
        "() => { const image = document.querySelector('.plinth-page img');"
        " return image && image.complete && image.naturalWidth > 0; }"
    )
    wait_until_settled(page)
