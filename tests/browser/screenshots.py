"""Pictures of every page, light and dark, wide and narrow: `make screenshots`.

Ends with 1, naming them, if a page scrolls sideways or cuts text off.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, FilePayload, Page

from assistant.access import OPERATOR, Role
from assistant.store.catalog import open_catalog
from assistant.store.suite_types import NewCase
from evals.suites import SAMPLE, case_to_json, load_suite
from tests.browser.app import (
    ANSWER_MS,
    PROJECT,
    RunningApp,
    add_person,
    ask,
    chips,
    choose_files,
    chromium,
    environment,
    ingest,
    open_browser,
    open_handbook,
    open_new_run,
    open_source,
    running_app,
    select_text,
    sign_in,
    turn_to_section,
    wait_for_reply,
    wait_until_settled,
)

FOLDER = PROJECT / "docs" / "screenshots"
SIZES = ((1440, 900), (390, 844))
SCHEMES = ("light", "dark")
COLOURS = 128
HOLIDAY = "How many days of paid holiday do I have each year, and when do unused days expire?"
ALARM = "How soon must customers be told when a chamber raises a temperature alarm?"
OFF_TOPIC = "What is the capital of Mongolia?"
DROP = "Drop files or folders here"
LIFT = b"The lift runs from eight in the morning to four in the afternoon."
GARDEN = b"The roof garden opens in May."
RUN_MS = 600_000.0
FIGURES = re.compile(r"^All \d+ figures$")
MISFITS = """() => {
    const root = document.documentElement, found = [];
    for (const one of [root, ...document.querySelectorAll('[data-testid="stMain"]')])
        if (one.scrollWidth > one.clientWidth) found.push('scrolls sideways');
    for (const one of document.querySelectorAll('body *')) {
        const style = getComputedStyle(one), box = one.getBoundingClientRect();
        const isCut = ['hidden', 'clip'].includes(style.overflowX);
        const isSeen = box.width > 1 && box.height > 1 && one.checkVisibility();
        if (isCut && isSeen && one.innerText && one.scrollWidth > one.clientWidth + 1)
            found.push('cuts off: ' + one.innerText.slice(0, 60));
    }
    return found;
}"""


@dataclass(frozen=True)
class State:
    """A page in a state worth a picture."""

    name: str
    path: str = "/"
    mark: str = "Ask about your documents"
    """Stands on the page once it is there."""
    question: str | None = None
    """Asked once; the picture is of its conversation."""
    act: Callable[[Page], None] | None = None
    """What is done on the page before the picture."""
    link_for: str | None = None
    """Somebody new, whose sign-in link is opened instead of `path`."""


def _open_first(page: Page) -> None:
    chips(page).first.click()
    page.get_by_role("button", name="Close").wait_for()


def _open_why(page: Page) -> None:
    page.get_by_text("Why this answer").first.click()
    page.get_by_text("Searched for").wait_for()


def _open_document(page: Page) -> None:
    page.get_by_role("link", name="employee-handbook.pdf").click()
    page.get_by_text("Page 1 of 6").wait_for()
    page.wait_for_function("() => [...document.images].some(one => one.naturalWidth > 0)")


def _open_deletion(page: Page) -> None:
    _open_document(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").wait_for()


def _send_files(page: Page) -> None:
    """Send a good and a broken file; sent again they are versions of the same documents."""
    if page.get_by_text("1 rejected").count():
        return
    files = [
        FilePayload(name="ski-lift-times.txt", mimeType="text/plain", buffer=LIFT),
        FilePayload(name="scan.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4"),
    ]
    choose_files(page, files)
    page.get_by_text("2 files · 1 rejected").wait_for(timeout=ANSWER_MS)


def _send_more(page: Page) -> None:
    """Send another batch, which goes well."""
    _send_files(page)
    earlier = page.get_by_text("1 earlier batch")
    if earlier.count():
        return
    file = FilePayload(name="roof-garden.txt", mimeType="text/plain", buffer=GARDEN)
    choose_files(page, [file])
    earlier.wait_for(timeout=ANSWER_MS)


def _open_earlier(page: Page) -> None:
    _send_more(page)
    page.get_by_text("1 earlier batch").click()
    page.get_by_role("button", name="Clear all").wait_for()


def _pause(page: Page) -> None:
    """Have the queue pause, once."""
    button = page.get_by_role("button", name="Pause taking in")
    if button.count():
        button.click()
    page.get_by_role("button", name="Resume").wait_for()


def _check_deletions(page: Page) -> None:
    _open_tab("Audit log", page)
    page.get_by_role("button", name="Check that what was deleted is gone").click()
    page.get_by_text("What was looked at").click()
    page.get_by_text("originals: ").wait_for()


def _run_suite(page: Page) -> None:
    """Ask five questions of the sample suite, once."""
    if not page.get_by_text("New run").count():
        page.get_by_role("button", name="Ask 5 questions").click()
    page.get_by_text(FIGURES).wait_for(timeout=RUN_MS)


def _open_new_run(page: Page) -> None:
    _run_suite(page)
    open_new_run(page)


def _open_suites(page: Page) -> None:
    turn_to_section(page, "Suites")


def _open_suite(page: Page) -> None:
    _open_suites(page)
    page.get_by_role("button", name="handbook", exact=True).click()
    page.get_by_role("button", name="Add a question").wait_for()
    wait_until_settled(page)
    page.get_by_test_id("stExpander").first.locator("summary").click()


def _write_case(page: Page) -> None:
    """Write a question with a passage that is selected, and another selection under way."""
    _open_suite(page)
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question", exact=True).fill("For how long is the full salary paid?")
    page.get_by_label("Right answers, one a line").fill("ten weeks")
    open_handbook(page, "full salary ten weeks")
    select_text(page, "full salary")
    page.get_by_role("button", name="Use the selection").click()
    page.get_by_text("“full salary”").first.wait_for()
    wait_until_settled(page)
    select_text(page, "weeks")
    page.get_by_text("Gold passages").first.scroll_into_view_if_needed()


def _say_wrong(page: Page) -> None:
    if page.get_by_text("Sent to reviewers").count():
        return
    if not page.get_by_text("What is wrong?").count():
        page.get_by_role("radio", name="Thumbs down").first.click()
        wait_until_settled(page)
    page.get_by_text("Something is missing").click()
    page.get_by_role("button", name="Send to reviewers").scroll_into_view_if_needed()


def _send_feedback(page: Page) -> None:
    _say_wrong(page)
    if not page.get_by_text("Sent to reviewers").count():
        page.get_by_label("Note, if you like").fill("It does not say what expires in March.")
        page.get_by_role("button", name="Send to reviewers").click()
    page.get_by_text("Sent to reviewers").wait_for()


def _open_feedback(page: Page) -> None:
    turn_to_section(page, "Feedback")


def _open_review(page: Page) -> None:
    _open_feedback(page)
    page.get_by_role("button", name=HOLIDAY[:30]).first.click()
    write = page.get_by_role("button", name="Write it")
    take = page.get_by_role("button", name="Take it", exact=True)
    take.or_(write).first.wait_for()
    if take.count():
        take.click()
    write.wait_for()


def _add_suite(data_dir: Path) -> None:
    """Add a suite with questions about the sample."""
    cases = load_suite(SAMPLE / "suite.jsonl").cases
    with open_catalog(data_dir) as catalog:
        catalog.suites.add(
            "handbook",
            "sample",
            OPERATOR,
            by="Ada",
            cases=[NewCase(values=case_to_json(case)) for case in cases],
        )


def _add_people(data_dir: Path) -> None:
    """Add a group that reads the sample, and a person in it."""
    with open_catalog(data_dir) as catalog:
        editor = catalog.edit_people("Ada")
        editor.add_group("staff")
        editor.grant("sample", "staff")
        editor.add_user("Grete Weber", groups=["staff"])


def _new_link(page: Page) -> None:
    page.get_by_role("button", name="Change").last.click()
    page.get_by_role("button", name="New sign-in link").click()
    page.get_by_text("It signs in once").wait_for()


def _open_tab(name: str, page: Page) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    wait_until_settled(page)


STATES = (
    State("documents", path="/documents", mark=DROP),
    State("documents-sent", path="/documents", mark=DROP, act=_send_files),
    State("documents-more", path="/documents", mark=DROP, act=_send_more),
    State("documents-earlier", path="/documents", mark=DROP, act=_open_earlier),
    State("document", path="/documents", mark=DROP, act=_open_document),
    State("document-deletion", path="/documents", mark=DROP, act=_open_deletion),
    # The queue stays paused from here on: no later state sends files.
    State("documents-paused", path="/documents", mark=DROP, act=_pause),
    State("evaluate", path="/evaluate", mark="Evaluate"),
    State("evaluate-run", path="/evaluate", mark="Evaluate", act=_run_suite),
    State("evaluate-new-run", path="/evaluate", mark="Evaluate", act=_open_new_run),
    State("evaluate-suites", path="/evaluate", mark="Evaluate", act=_open_suites),
    State("evaluate-suite", path="/evaluate", mark="Evaluate", act=_open_suite),
    State("evaluate-case", path="/evaluate", mark="Evaluate", act=_write_case),
    State("ask"),
    State("ask-answer", question=HOLIDAY),
    State("ask-source", question=HOLIDAY, act=open_source),
    State("ask-why", question=HOLIDAY, act=_open_why),
    State("ask-text-source", question=ALARM, act=_open_first),
    State("ask-abstention", question=OFF_TOPIC),
    State("ask-feedback", question=HOLIDAY, act=_say_wrong),
    State("ask-feedback-sent", question=HOLIDAY, act=_send_feedback),
    State("evaluate-feedback", path="/evaluate", mark="Evaluate", act=_open_feedback),
    State("evaluate-review", path="/evaluate", mark="Evaluate", act=_open_review),
    State("people", path="/people", mark="Name to sign in with"),
    State("people-link", path="/people", mark="People", act=_new_link),
    State("people-groups", path="/people", mark="People", act=partial(_open_tab, "Groups")),
    State("people-grants", path="/people", mark="People", act=partial(_open_tab, "Who reads what")),
    State("people-sessions", path="/people", mark="People", act=partial(_open_tab, "Sessions")),
    State("people-audit", path="/people", mark="People", act=partial(_open_tab, "Audit log")),
    State("people-deletions", path="/people", mark="People", act=_check_deletions),
    State("monitoring", path="/monitoring", mark="How long people waited"),
    State("account", path="/account", mark="this browser"),
)
FOR_STRANGERS = (
    State("sign-in", mark="Sign in"),
    State("sign-in-link", mark="Welcome", link_for="Grace"),
)
"""States of who is not signed in."""


def main() -> int:
    """Take the pictures of the states whose names are given, or of all; return the exit code."""
    executable = chromium()
    if executable is None:
        print("no Chromium is installed; apt.txt names the package", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        data_dir = Path(temporary)
        environ = environment(data_dir, {})
        print("== sample corpus and models (about a minute)", flush=True)
        ingest(SAMPLE / "corpus", "sample", environ)
        with running_app(data_dir, environ) as app, open_browser(executable) as browser:
            context = browser.new_context()
            sign_in(context, app, "Ada")
            _add_people(data_dir)
            _add_suite(data_dir)
            problems = _take_all(app, context)
            stranger = browser.new_context()
            problems += _take_all(app, stranger, FOR_STRANGERS)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _take_all(
    app: RunningApp, context: BrowserContext, states: Sequence[State] = STATES
) -> list[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    answered: dict[str, str] = {}
    wanted = sys.argv[1:]
    for state in states:
        if wanted and state.name not in wanted:
            continue
        address = app.url + state.path
        if state.link_for is not None:
            address = add_person(app, state.link_for, Role.EMPLOYEE)
        if state.question is not None:
            if state.question not in answered:
                answered[state.question] = _answered(context, app, state.question)
            address = answered[state.question]
        for width, height in SIZES:
            for scheme in SCHEMES:
                name = f"{state.name}-{scheme}-{width}"
                page = context.new_page()
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(address)
                marked = page.get_by_placeholder(state.mark).or_(page.get_by_text(state.mark))
                marked.first.wait_for()
                wait_until_settled(page)
                if state.act is not None:
                    state.act(page)
                    wait_until_settled(page)
                _save(page, FOLDER / f"{name}.png")
                problems += [f"{name}: {problem}" for problem in page.evaluate(MISFITS)]
                page.close()
        print(state.name, flush=True)
    return problems


def _answered(context: BrowserContext, app: RunningApp, question: str) -> str:
    """Ask a question; return the address of its conversation."""
    page = context.new_page()
    page.goto(app.url)
    ask(page, question)
    wait_for_reply(page)
    address = page.url
    page.close()
    return address


def _save(page: Page, path: Path) -> None:
    """Write a picture with few colours, small enough for documentation."""
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(COLOURS)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
