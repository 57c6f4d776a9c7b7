from __future__ import annotations

import re

from playwright.sync_api import FilePayload, expect

from tests.browser.app import open_new_run, wait_until_settled
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import SIZES, violations

RUN_MS = 180_000
FIGURES = re.compile(r"^All \d+ figures$")
RESULT = re.compile(r"^sample: \d of 5 right")
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

    open_new_run(page)
    page.get_by_role("tab", name="Your own suites").click()
    page.locator("input[type=file]").set_input_files([SUITE])
    expect(page.get_by_text("lifts.csv is ready: 1 questions.")).to_be_visible()
    expect(page.get_by_role("tab", name="Your own suites")).to_have_attribute(
        "aria-selected", "true"
    )
    page.get_by_role("tab", name="Ask questions").click()
    expect(page.get_by_role("button", name="Ask 1 question")).to_be_visible()
    page.locator(".st-key-runs button").first.click()
    expect(page.get_by_role("button", name="Ask 1 question")).to_be_hidden()
    expect(heading).to_be_in_viewport()
