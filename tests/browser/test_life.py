"""A life of the server, after which its log is searched for what must not be in it."""

from __future__ import annotations

import re
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page

from assistant.access import OPERATOR
from assistant.store.catalog import open_catalog
from tests.browser.app import (
    add_person,
    ask,
    choose_files,
    environment,
    import_suite,
    running_app,
    turn_to_section,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.breaking import WORD
from tests.browser.conftest import visit
from tests.browser.test_hostile_pages import FAKES
from ui.addresses import SECRET
from ui.web.cookies import COOKIE

BREAKING = [sys.executable, "-m", "tests.browser.breaking"]
PASSWORD, WRONG = "marmalade violin 4711", "rhubarb trombone 4712"
QUESTION = "Which code opens the quokka enclosure?"
BROKEN = f"Does the wombat enclosure {WORD}?"
TEXT = "The quokka enclosure opens with code 90210."
CASE = "Who feeds the numbats?"
BROKEN_CASE = f"Do the bilbies {WORD}?"
FILE = FilePayload(name="zoo.txt", mimeType="text/plain", buffer=f"Zoo\n\n{TEXT}\n".encode())
FRAGILE = FilePayload(
    name=f"{WORD}.txt", mimeType="text/plain", buffer=b"Fragile\n\nPlatypus eggs hatch in May.\n"
)
SUITE = FilePayload(
    name="animals.csv",
    mimeType="text/csv",
    buffer=f"question,answer,document,page\n{CASE},Kim,zoo.txt,\n{BROKEN_CASE},,,\n".encode(),
)
SAID = ("marmalade", "rhubarb", "quokka", "90210", "wombat", "numbat", "bilbies", "latypus", "Kim")
ERROR_ID = re.compile(r"\b[0-9a-f]{12}\b")


@pytest.fixture
def log(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """All output of a server that lived through everything, with what people were shown."""
    data_dir = tmp_path_factory.mktemp("life")
    secrets: list[str] = []
    numbers: list[str] = []
    with running_app(data_dir, environment(data_dir, FAKES), BREAKING) as app:
        with visit(app, browser, role=None) as visitor:
            page = visitor.context.new_page()
            link = add_person(app, "Ada Admin")
            secrets += parse_qs(urlsplit(link).query)[SECRET]
            page.goto(link)
            page.get_by_label("New password").fill(PASSWORD)
            page.get_by_label("The same again").fill(PASSWORD)
            page.get_by_role("button", name="Set it and sign in").click()
            _go(page, "Account")
            page.get_by_role("button", name="Sign out", exact=True).click()
            page.get_by_role("link", name="Sign in again").click()
            page.get_by_label("Name").fill("Ada Admin")
            page.get_by_label("Password").fill(WRONG)
            page.keyboard.press("Enter")
            page.get_by_role("alert").wait_for()
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            _go(page, "Documents")
            choose_files(page, [FILE, FRAGILE])
            page.get_by_text("Done, can be asked about").wait_for()

            _go(page, "Ask")
            page.get_by_placeholder("Ask about your documents").wait_for()
            ask(page, QUESTION)
            wait_for_reply(page)
            ask(page, BROKEN)
            numbers += _number(page, "something went wrong")

            with open_catalog(data_dir) as catalog:
                documents = {one.document: one for one in catalog.list_documents(OPERATOR)}
            fragile = documents[f"{WORD}.txt"]
            page.goto(f"{app.url}/document?id={fragile.document_id}")
            numbers += _number(page, "This page could not be shown")
            secrets += [
                str(one["value"]) for one in visitor.context.cookies() if one["name"] == COOKIE
            ]
            address = f"{app.url}/plinth/documents/{fragile.document_id}/versions/"
            reply = visitor.context.request.get(address + fragile.version)
            assert reply.status == 500
            numbers += ERROR_ID.findall(reply.text())

            page.goto(f"{app.url}/evaluate")
            page.get_by_text("A suite is a list of questions").wait_for()
            turn_to_section(page, "Suites")
            import_suite(page, SUITE)
            page.get_by_text("animals is ready").wait_for()
            page.get_by_role("button", name="animals", exact=True).click()
            page.get_by_role("button", name="Ask it").click()
            page.get_by_role("button", name="Ask 2 questions").click()
            page.get_by_role("heading", name=re.compile("of 2 right, 1 unscored")).wait_for()
            wait_until_settled(page)
            assert QUESTION not in page.url
            visitor.errors.clear()  # of the address that answered 500
        output = (data_dir / "serve.log").read_text(encoding="utf-8")
    assert len(numbers) == 3
    assert not [number for number in numbers if number not in output]
    assert len(secrets) == 2
    assert not [one for one in secrets if one in output]
    return output


def _go(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()


def _number(page: Page, said: str) -> list[str]:
    alert = page.get_by_text(said)
    alert.wait_for()
    shown = alert.inner_text()
    assert "tell an admin" in shown
    assert "cannot" not in shown  # the error's own words
    return ERROR_ID.findall(shown)


def test_the_log_has_errors_with_their_numbers_and_nothing_that_people_wrote(log: str) -> None:
    assert log.count("RuntimeError") >= 4
    assert "a page ended unexpectedly" in log
    assert "a question ended unexpectedly" in log
    assert "a request ended unexpectedly" in log
    assert not [word for word in SAID if word.lower() in log.lower()]
