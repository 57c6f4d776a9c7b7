from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

RUN_MS = 180_000


def test_the_sample_suite_is_run_stopped_and_continued_to_its_figures(visitor: Visitor) -> None:
    page = visitor.open("/evaluate", mark="Evaluate")
    page.get_by_role("button", name="Run the whole sample suite").wait_for()
    page.get_by_role("button", name="Ask 5 questions").click()
    stop = page.get_by_role("button", name="Stop")
    stop.click(timeout=RUN_MS)
    page.get_by_role("button", name="Continue this run").click(timeout=RUN_MS)
    expect(page.get_by_text("figures").first).to_be_visible(timeout=RUN_MS)
    page.reload()
    expect(page.get_by_text("figures").first).to_be_visible(timeout=RUN_MS)
    assert page.locator("[data-testid=stVegaLiteChart] canvas, svg").count() > 0
