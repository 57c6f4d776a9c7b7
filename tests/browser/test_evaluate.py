from __future__ import annotations

import json
import re

from playwright.sync_api import FilePayload, expect

from tests.browser.app import (
    begin_suite,
    import_suite,
    open_handbook,
    open_new_run,
    select_text,
    turn_to_section,
    wait_until_settled,
)
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import SIZES, violations

RUN_MS = 180_000
FIGURES = re.compile(r"^All \d+ figures$")
RESULT = re.compile(r"^sample: \d of 5 right")
QUOTE = "full salary for ten weeks"
SUITE = FilePayload(
    name="lifts.csv",
    mimeType="text/csv",
    buffer=b"question,answer,document,page\nWhen does the lift run?,,,\n",
)


def test_the_sample_suite_is_run_stopped_and_continued_to_its_figures(visitor: Visitor) -> None:
    page = visitor.open("/evaluate", mark="Evaluate")
    page.get_by_role("button", name="Run the whole sample suite").wait_for()
    page.get_by_role("button", name="Ask 5 questions").click()
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.click(timeout=RUN_MS)
    page.get_by_role("button", name="Continue this run").click(timeout=RUN_MS)
    expect(page.get_by_text(FIGURES)).to_be_visible(timeout=RUN_MS)
    page.reload()
    expect(page.get_by_text(FIGURES)).to_be_visible(timeout=RUN_MS)
    assert page.locator("[data-testid=stVegaLiteChart] canvas, svg").count() > 0

    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wait_until_settled(page)
        heading = page.get_by_role("heading", name=RESULT)
        expect(heading).to_be_in_viewport()
        expect(page.get_by_text("New run")).to_be_in_viewport()
        expect(page.get_by_role("button", name="Ask 5 questions")).to_be_hidden()
        assert violations(page) == []

    turn_to_section(page, "Suites")
    import_suite(page, SUITE)
    expect(page.get_by_text("lifts is ready: version 1, 1 question.")).to_be_visible()
    turn_to_section(page, "Runs")
    open_new_run(page)
    page.locator(".st-key-runs button").first.click()
    expect(page.get_by_role("button", name="Ask 5 questions")).to_be_visible()
    expect(heading).to_be_in_viewport()


def test_a_suite_is_made_by_selecting_a_passage_with_the_keyboard_and_exported(
    visitor: Visitor,
) -> None:
    page = visitor.open("/evaluate", mark="Evaluate")
    turn_to_section(page, "Suites")
    begin_suite(page, "by hand")
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question", exact=True).fill("For how long is the full salary paid?")
    page.get_by_label("Right answers, one a line").fill("ten weeks")
    open_handbook(page, "full salary ten weeks")
    use = page.get_by_role("button", name="Use the selection")
    expect(use).to_be_disabled()
    select_text(page, QUOTE)
    expect(page.get_by_text(f"{len(QUOTE)} characters: “{QUOTE}”")).to_be_visible()
    page.keyboard.type("x")  # nothing can be written there
    assert violations(page) == []
    page.keyboard.press("Tab")
    expect(use).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()  # at once: what was picked is not lost
    expect(page.get_by_text("The question is saved.")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    (line,) = download.value.path().read_text(encoding="utf-8").splitlines()
    case = json.loads(line)
    assert (case["answers"], case["answerable"]) == (["ten weeks"], True)
    assert case["evidence"] == [{"document": "employee-handbook.pdf", "page": 3, "quote": QUOTE}]
    page.get_by_role("button", name="Ask it").click()
    expect(page.get_by_role("button", name="Ask 1 question")).to_be_visible()
