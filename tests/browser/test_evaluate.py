from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

RUN_MS = 120_000


def test_the_sample_suite_is_run_and_shows_figures_and_wrong_cases(visitor: Visitor) -> None:
    page = visitor.open("/evaluate", mark="Evaluate")
    page.screenshot(path="/tmp/h/e.png")
    expect(page.get_by_role("button", name="Run")).to_be_visible(timeout=RUN_MS)
