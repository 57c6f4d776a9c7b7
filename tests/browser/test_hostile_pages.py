"""Every page, walked by every role, with hostile text wherever text of others is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from assistant.access import OPERATOR, Role
from assistant.store.catalog import open_catalog
from assistant.store.review_types import Problem
from assistant.store.suite_types import NewCase
from assistant.store.types import PublishBatch
from assistant.store.writer import open_writer
from evals.runs import Plan, start_run
from evals.suites import SAMPLE, Case, Evidence, Suite, case_to_json
from ingest.uploads import upload_name
from tests.assistant.corpora import batch, content
from tests.browser.app import (
    TRIES,
    TRY_MS,
    RunningApp,
    add_person,
    ask,
    chips,
    environment,
    import_suite,
    ingest,
    running_app,
    turn_to_section,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.conftest import Visitor, visit
from tests.browser.hostile import (
    UNSEEN,
    Listener,
    assert_inert,
    assert_shows,
    folded,
    listening,
    payloads,
    person_of,
    seed_turns,
    shown,
    stored_reply,
)
from ui.measuring import run_subject
from ui.settings import load_settings
from ui.web.access_rules import UPLOADS_PATH
from ui.web.components.document_list import NAME_CHARS
from ui.web.components.history import TITLE_CHARS
from ui.web.upload_routes import GUARD

FAKES = {
    "PLINTH_MODELS__GENERATOR": "fake-generator",
    "PLINTH_MODELS__EMBEDDER": "fake-embedder",
    "PLINTH_ANSWER__MIN_CONFIDENCE": "0.0",
    "PLINTH_ANSWER__KEPT_REPLY_BYTES": "0",
}
SUITE_NAME = "![x](y) <img src=x onerror=alert(6)> `$z$` _a_"
"""Runs have files of its name, so that it holds neither slashes nor colons."""
PDF_NAME = "<img src=x onerror=alert(7)> ![x](y).pdf"
UNFOLD = """() => {
    for (const one of document.querySelectorAll('details:not([open])'))
        one.querySelector('summary').click();
}"""
IS_UNFOLDED = """() => [...document.querySelectorAll('details')].every(one =>
    one.open && one.getAnimations({ subtree: true }).every(run => run.playState !== 'running')
    && one.querySelector('[data-testid="stExpanderDetails"]').getBoundingClientRect().height > 0)"""
LETTERS = {ord(char): " " for char in "\u202e\u2066\u2069\x1b\x07\x9b\u200b"}
SIZE = (1440, 2400)
"""High enough for what opens below the last of many people."""
SEEN = UNSEEN.translate(LETTERS)
"""What is left of `UNSEEN` to be seen."""


@dataclass(frozen=True)
class Site:
    """A server whose data is hostile throughout."""

    app: RunningApp
    listener: Listener
    texts: Sequence[str]
    """All of them may be names."""

    @property
    def documents(self) -> Sequence[str]:
        return [f"{text}.md" for text in self.texts]


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data_dir = tmp_path_factory.mktemp("data")
    environ = environment(data_dir, FAKES)
    with listening() as listener:
        texts = list(payloads(listener.port).values())
        files = tmp_path_factory.mktemp("files")
        shutil.copy(SAMPLE / "corpus" / "employee-handbook.pdf", files / PDF_NAME)
        ingest(files, texts[0], environ)
        with open_writer(data_dir) as writer:
            for text in texts[1:]:
                writer.people.add_collection(text)
            for text in texts:
                writer.people.add_group(text)
                writer.people.grant(text, texts[0])
                writer.people.add_user(text, groups=[text])
            writer.publish(_documents(texts))
        _add_runs(data_dir, texts)
        with running_app(data_dir, environ) as app:
            yield Site(app, listener, texts)
            assert listener.heard == []


def _documents(texts: Sequence[str]) -> PublishBatch:
    """Give a document for each text: name, title, heading and text are this."""
    documents = {}
    for number, text in enumerate(texts):
        made = content(
            f"{text}\nThe code of valve {number} is 47{number}. {text}\n{text} {UNSEEN}", title=text
        )
        chunks = tuple(replace(chunk, heading=text) for chunk in made.chunks)
        documents[f"{text}.md"] = replace(made, chunks=chunks)
    return batch(texts[1], documents)


def _add_runs(data_dir: Any, texts: Sequence[str]) -> None:
    """Store a suite, and runs of it as an admin and as a member of the first group see them."""
    cases = tuple(
        Case(
            id=text,
            question=f"{number} {text}",
            answerable=True,
            answers=(text,),
            facts=(text,),
            evidence=(Evidence(document=text, page=None, quote=text),),
            tags=(text,),
        )
        for number, text in enumerate(texts)
    )
    suite = Suite(name=SUITE_NAME, sha256="0" * 64, cases=cases)
    with open_catalog(data_dir) as catalog:
        stored = [NewCase(values=case_to_json(case)) for case in cases]
        catalog.suites.add(SUITE_NAME, texts[0], OPERATOR, by=texts[0], cases=stored)
        document = next(
            one for one in catalog.list_documents(OPERATOR) if one.document.endswith(".md")
        )
        people = catalog.people
        readers = [OPERATOR, people.readable_set(texts[0])]
        generation = catalog.current_generation()

    def answer(case: Case) -> dict[str, Any]:
        if case.id == texts[0]:
            raise ValueError(case.id)
        return stored_reply(case.id, document_id=document.document_id, version=document.version)

    with open_catalog(data_dir) as catalog:
        for reader in readers:
            settings = load_settings(data_dir)
            subject = run_subject(data_dir, settings, index_generation=generation, readable=reader)
            start_run(catalog.runs, Plan(suites=(suite,), subject=subject)).ask_all(
                answer, lambda _: None
            )


def on_page(visitor: Visitor, path: str, mark: str) -> Page:
    page = visitor.open(path, mark=mark, size=SIZE)
    assert page.get_by_test_id("stException").count() == 0
    return page


def turn_to(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()
    wait_until_settled(page)


def unfold_all(page: Page) -> None:
    """Open what is folded; unfolding takes its time, and closing again looks open for a while.

    What is drawn anew meanwhile is folded again.
    """
    for _ in range(TRIES):
        wait_until_settled(page)
        page.evaluate(UNFOLD)
        try:
            page.wait_for_function(IS_UNFOLDED, timeout=TRY_MS)
        except PlaywrightTimeoutError:
            continue
        return
    page.wait_for_function(IS_UNFOLDED)


@pytest.mark.parametrize("role", list(Role))
def test_conversations_of_every_role(site: Site, browser: Browser, role: Role) -> None:
    name = f"{site.texts[4]} {role}"
    with visit(site.app, browser, role=role, name=name, groups=site.texts[:1]) as visitor:
        for text in site.texts:
            seed_turns(visitor, [(text, "abstained")])
        path = seed_turns(visitor, [(f"{text} {UNSEEN}", "answered") for text in site.texts])
        page = on_page(visitor, path, "Ask about your documents")
        page.get_by_text("Why this answer").nth(len(site.texts) - 1).wait_for()
        unfold_all(page)
        messages = page.get_by_test_id("stChatMessage")
        assert messages.count() == 2 * len(site.texts)
        for number, text in enumerate(site.texts):
            assert_shows(messages.nth(2 * number), [f"{text} {SEEN}"])
            reply = shown(messages.nth(2 * number + 1))
            # The question as understood and as searched for, sentence and item of a list, passage,
            # what was withheld, model and prompt.
            assert reply.count(folded(f"{text} {SEEN}")) >= 8, (text, reply)
        assert_inert(page, site.listener)
        sidebar = shown(page.get_by_test_id("stSidebar"))
        for text in site.texts:
            assert _cut(text, TITLE_CHARS) in sidebar
        chips(page).nth(2).click()
        page.get_by_role("button", name="Close").wait_for()
        assert_inert(page, site.listener)
        assert folded(site.texts[0])[:20] in shown(page)


def _cut(text: str, n_chars: int) -> str:
    """Return the whole words of a text that fit before it is cut."""
    text = folded(text)
    if len(text) <= n_chars:
        return text
    cut = text[: n_chars - 1]
    return cut.rsplit(" ", 1)[0] if " " in cut else cut


def test_an_answer_from_hostile_documents(site: Site, browser: Browser) -> None:
    with visit(site.app, browser, role=Role.EMPLOYEE, groups=site.texts[:1]) as visitor:
        page = on_page(visitor, "/", "Ask about your documents")
        suggestions = shown(page)
        assert_inert(page, site.listener)
        assert "![pic](" in suggestions or "What" in suggestions
        answers = ""
        for number, text in enumerate(site.texts[:6]):
            ask(page, f"What is the code of valve {number}? {text}")
            wait_for_reply(page, number + 1)
            answers += shown(page.get_by_test_id("stChatMessage").last)
        # What the small model makes of each such question differs with the listener's port.
        assert "The code of valve" in answers
        unfold_all(page)
        assert_inert(page, site.listener)
        for number in range(chips(page).count()):
            chips(page).nth(number).click()
            page.get_by_text(re.compile("^Source 1 of")).wait_for()
            assert_inert(page, site.listener)


@pytest.mark.parametrize("role", list(Role))
def test_documents_of_every_role(site: Site, browser: Browser, role: Role) -> None:
    with visit(site.app, browser, role=role, groups=site.texts[:1]) as visitor:
        if role is Role.ADMIN:
            _send_refused_files(visitor, site)
        page = on_page(visitor, "/documents", "Search by name, title or collection")
        wait_until_settled(page)
        assert_shows(
            page, [*(_cut(one, NAME_CHARS) for one in site.documents), site.texts[1], PDF_NAME]
        )
        assert_inert(page, site.listener)
        if role is Role.ADMIN:
            page.get_by_text("rejected").first.wait_for()
            unfold_all(page)
            assert_shows(page, [upload_name(f"{text}.pdf") for text in site.texts])
            assert_inert(page, site.listener)
        box = page.get_by_label("Search by name, title or collection")
        box.fill(site.texts[4])
        box.press("Enter")
        page.get_by_text("1 document", exact=True).wait_for()
        assert_shows(page, [_cut(site.documents[4], NAME_CHARS)])
        assert_inert(page, site.listener)
        ids = _ids(site)
        for text in site.texts:
            page.goto(f"{site.app.url}/document?id={ids[f'{text}.md']}")
            page.get_by_text("The code of valve").wait_for()
            # Title, name and three times in the text.
            assert shown(page.get_by_test_id("stMain")).count(folded(text)) >= 5
            assert_shows(page, [SEEN])
            assert_inert(page, site.listener)
        page.goto(f"{site.app.url}/document?id={ids[PDF_NAME]}")
        page.wait_for_function("() => [...document.images].some(one => one.naturalWidth > 100)")
        assert_shows(page, [PDF_NAME])
        assert_inert(page, site.listener)
        if role is Role.ADMIN:
            page.get_by_role("button", name="Delete").click()
            page.get_by_role("button", name="Keep it").wait_for()
            assert_shows(page.get_by_role("dialog"), [PDF_NAME, site.texts[0]])
            assert_inert(page, site.listener)


def _ids(site: Site) -> dict[str, str]:
    with open_catalog(site.app.data_dir) as catalog:
        return {one.document: one.document_id for one in catalog.list_documents(OPERATOR)}


def _send_refused_files(visitor: Visitor, site: Site) -> None:
    """Send files that are no PDF, under hostile names, into a collection with such a name."""
    send = visitor.context.request
    headers = {GUARD: "1", "Origin": site.app.url}
    begun = send.post(
        site.app.url + UPLOADS_PATH, params={"collection": site.texts[2]}, headers=headers
    )
    for text in site.texts:
        done = send.put(
            f"{site.app.url}{UPLOADS_PATH}/{begun.json()['job']}",
            params={"name": f"{text}.pdf"},
            headers=headers,
            data=b"%PDF-1.4 none",
        )
        assert done.status == 201, done.text()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EVALUATOR])
def test_evaluations(site: Site, browser: Browser, role: Role) -> None:
    with visit(site.app, browser, role=role, groups=site.texts[:1]) as visitor:
        page = on_page(visitor, "/evaluate", "Evaluate")
        page.get_by_role("heading", name="Runs").wait_for()
        assert_shows(page, [SUITE_NAME])
        assert_inert(page, site.listener)
        page.get_by_text(f"All ({len(site.texts)})", exact=True).click()
        page.get_by_text(f"1 to 10 of {len(site.texts)}").wait_for()
        seen = ""
        for first in range(1, len(site.texts) + 1, 10):
            page.get_by_text(re.compile(rf"^{first} to \d+ of")).wait_for()
            unfold_all(page)
            assert_inert(page, site.listener)
            seen += shown(page.get_by_test_id("stMain"))
            if first + 10 <= len(site.texts):
                page.get_by_role("button", name="Next", exact=True).click()
        for text in site.texts[1:]:
            # Question, gold answer, fact, evidence and its quote, answer twice, citation, passage.
            assert seen.count(folded(text)) >= 8, (text, seen)
        assert f"ValueError: {folded(site.texts[0])}" in seen

        turn_to_section(page, "Suites")
        assert_shows(page, [SUITE_NAME, site.texts[0]])
        assert_inert(page, site.listener)
        page.locator("[class*='st-key-open-suite-'] button").first.click()
        page.get_by_role("button", name="Add a question").wait_for()
        page.get_by_role("button", name="Delete", exact=True).first.click()
        assert_shows(page, [f"Delete {SUITE_NAME} with all its versions?"])
        page.keyboard.press("Escape")
        unfold_all(page)
        assert_inert(page, site.listener)
        seen = shown(page.get_by_test_id("stMain"))
        for text in site.texts[:20]:  # of one page: question, answer, fact, evidence, quote, tag
            assert seen.count(folded(text)) >= 6, (text, seen)
        page.get_by_role("button", name="Edit", exact=True).first.click()
        page.get_by_role("button", name="Save").wait_for()
        assert_shows(page, [f"“{site.texts[0]}”"])
        assert_inert(page, site.listener)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Suites", exact=True).click()
        hostile = site.texts[4].replace("/", "") + ".csv"
        import_suite(page, FilePayload(name=hostile, mimeType="text/csv", buffer=b"question\n"))
        page.get_by_text("cannot be called").wait_for()
        assert_shows(page, [hostile.removesuffix(".csv")])
        assert_inert(page, site.listener)


def test_feedback(site: Site, browser: Browser) -> None:
    with visit(site.app, browser, role=Role.EVALUATOR, groups=site.texts[:1]) as visitor:
        paths = [seed_turns(visitor, [(text, "answered")]) for text in site.texts]
        with open_catalog(site.app.data_dir) as catalog:
            owner = person_of(visitor, catalog).owner
            for path, text in zip(paths, site.texts, strict=True):
                key = path.rpartition("=")[2]
                (turn,) = catalog.conversations.turns(key, owner, OPERATOR)
                catalog.reviews.send(turn.turn_id, owner, Problem.MISSING, text, by=text)
        page = on_page(visitor, "/evaluate", "Evaluate")
        turn_to_section(page, "Feedback")
        assert_inert(page, site.listener)
        for number, text in enumerate(site.texts):
            page.locator("[class*='st-key-open-review-'] button").nth(number).click()
            page.get_by_role("button", name="Take it").wait_for()
            # Question, how it was understood, sentence and item, citation, note.
            assert shown(page.get_by_test_id("stMain")).count(folded(text)) >= 6
            assert_inert(page, site.listener)
            page.get_by_role("button", name="All feedback").click()
            page.get_by_role("button", name="Take it").wait_for(state="detached")
            wait_until_settled(page)


def test_people(site: Site, browser: Browser) -> None:
    with visit(site.app, browser, name=site.texts[5] + " admin") as visitor:
        page = on_page(visitor, "/people", "People")
        page.get_by_text(site.texts[5] + " admin").first.wait_for()
        assert_shows(page, site.texts)
        assert_inert(page, site.listener)
        # A name that is taken: the message names it.
        page.get_by_label("Name to sign in with").fill(site.texts[4])
        page.get_by_role("button", name="Add person").click()
        page.get_by_text("Not changed").wait_for()
        assert_shows(page.get_by_role("alert").first, [f"Not changed: user '{site.texts[4]}'"])
        assert_inert(page, site.listener)

        row = page.locator(f".st-key-user-{site.texts[4].encode().hex()}")
        row.get_by_role("button", name="Change").click()
        page.get_by_role("button", name="New sign-in link").wait_for()
        assert_inert(page, site.listener)
        page.get_by_role("button", name="New sign-in link").click()
        page.get_by_text("It signs in once").wait_for()
        assert_shows(page, [f"Send this link to {site.texts[4]}."])
        assert_inert(page, site.listener)
        # It closed, or it would hide the link.
        expect(page.get_by_role("button", name="See as")).to_have_count(0)
        row.get_by_role("button", name="Change").click()
        page.get_by_role("button", name="See as").click()
        dialog = page.get_by_role("dialog", name="What this person reads")
        dialog.get_by_label("Search").wait_for()
        wait_until_settled(page)
        assert_shows(dialog, [site.texts[4]])
        assert_inert(page, site.listener)
        dialog.get_by_role("button", name="Close").click()
        dialog.wait_for(state="hidden")

        for tab in ("Groups", "Who reads what", "Sessions", "Audit log"):
            turn_to(page, tab)
            panel = page.get_by_role("tabpanel").filter(visible=True)
            if tab in ("Groups", "Who reads what"):
                assert_shows(panel, site.texts)
            else:
                assert_shows(panel, [site.texts[5] + " admin"])
            assert_inert(page, site.listener)
        page.get_by_label("To what").fill(site.texts[4])
        page.get_by_label("To what").press("Enter")
        expect(page.locator("body")).to_contain_text(f"user added {site.texts[4]}")
        page.get_by_label("Who", exact=True).click()
        assert_inert(page, site.listener)


@pytest.mark.parametrize("role", list(Role))
def test_the_account_of_every_role(site: Site, browser: Browser, role: Role) -> None:
    name = f"{site.texts[6]} {role}"
    with visit(site.app, browser, role=role, name=name) as visitor:
        page = on_page(visitor, "/account", "Account")
        page.get_by_text("Signed in as").wait_for()
        assert_shows(page, [f"Signed in as {name}"])
        assert_inert(page, site.listener)
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_text("You are signed out").wait_for()
        assert_inert(page, site.listener)


def test_signing_in_under_hostile_names(site: Site, browser: Browser) -> None:
    with visit(site.app, browser, role=None) as visitor:
        page = visitor.context.new_page()
        for text in site.texts[:9]:
            page.goto(f"{site.app.url}/plinth/sign-in?next={text}")
            page.get_by_label("Name").fill(text)
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("alert").wait_for()
            expect(page.get_by_label("Name")).to_have_value(text)
            assert_inert(page, site.listener)
        for text in site.texts[9:12]:
            page.goto(add_person(site.app, f"{text} new", Role.EMPLOYEE))
            assert_shows(page, [f"You sign in as {text} new"])
            assert_inert(page, site.listener)


def test_downloads_are_named_by_what_can_be_seen(site: Site, browser: Browser) -> None:
    with visit(site.app, browser) as visitor:
        page = on_page(visitor, "/people", "People")
        turn_to(page, "Audit log")
        for label, name in (("JSON lines", "plinth-audit.jsonl"), ("a table", "plinth-audit.csv")):
            address = page.get_by_role("link", name=f"Download all as {label}").get_attribute(
                "href"
            )
            reply = visitor.context.request.get(site.app.url + str(address))
            assert reply.headers["content-disposition"] == f'attachment; filename="{name}"'
            assert "\x1b" not in reply.text()
        detail_id = _ids(site)[PDF_NAME]
        with open_catalog(site.app.data_dir) as catalog:
            version = catalog.document(detail_id, OPERATOR).summary.version
        reply = visitor.context.request.get(
            f"{site.app.url}/plinth/documents/{detail_id}/versions/{version}"
        )
        assert "filename*=utf-8''%3Cimg" in reply.headers["content-disposition"]


def test_what_is_asked_for_by_hostile_addresses(site: Site, browser: Browser) -> None:
    with visit(site.app, browser) as visitor:
        for text in (site.texts[4], site.texts[5]):
            page = on_page(visitor, "/account", "Account")
            for path in ("/?conversation=", "/document?id="):
                page.goto(f"{site.app.url}{path}{text}")
                wait_until_settled(page)
                assert_inert(page, site.listener)
                assert page.evaluate("() => document.querySelector('.stApp') !== null")
            page.close()
