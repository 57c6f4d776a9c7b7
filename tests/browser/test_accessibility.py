from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.app import chips, open_new_run, open_source, turn_to_section, wait_until_settled
from tests.browser.conftest import Asked, Visitor
from tests.browser.hostile import seed
from ui.web.theme import colours

DROP = "Drop files or folders here"
SERIOUS = ("serious", "critical")
SIZES = [(1440, 900), (390, 844)]


def violations(page: Page) -> list[str]:
    """Return what a person with a screen reader or weak sight would stumble over."""
    wait_until_settled(page)
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
class TestAsk:
    def test_empty(self, visitor: Visitor, scheme: Any, size: tuple[int, int]) -> None:
        page = visitor.open(scheme=scheme, size=size)
        expect(page.locator("[class*='st-key-suggestion-2'] button")).to_be_visible()
        assert violations(page) == []

    def test_answered_with_its_reasons(
        self, returning: Visitor, asked: Asked, scheme: Any, size: tuple[int, int]
    ) -> None:
        page = returning.open(asked.path, scheme=scheme, size=size)
        page.get_by_text("Why this answer").first.click()
        expect(page.get_by_text("shown to the model").first).to_be_visible()
        assert violations(page) == []

    def test_source_open(
        self, returning: Visitor, asked: Asked, scheme: Any, size: tuple[int, int]
    ) -> None:
        page = returning.open(asked.path, scheme=scheme, size=size)
        open_source(page)
        assert violations(page) == []

    def test_abstention_and_source_of_text(
        self, visitor: Visitor, scheme: Any, size: tuple[int, int]
    ) -> None:
        page = visitor.open(seed(visitor, "plain words"), scheme=scheme, size=size)
        expect(page.get_by_text("The documents do not say.")).to_be_visible()
        chips(page).first.click()
        expect(page.get_by_role("button", name="Close")).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
class TestOtherPages:
    def test_monitoring(self, visitor: Visitor, scheme: Any, size: tuple[int, int]) -> None:
        page = visitor.open("/monitoring", mark="How long people waited", scheme=scheme, size=size)
        expect(page.get_by_text("Answering")).to_be_visible()
        assert violations(page) == []

    def test_documents(self, visitor: Visitor, scheme: Any, size: tuple[int, int]) -> None:
        page = visitor.open("/documents", mark=DROP, scheme=scheme, size=size)
        expect(page.get_by_role("link", name="employee-handbook.pdf")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("link", name="employee-handbook.pdf").click()
        page.get_by_text("Page 1 of 6").wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Keep it").wait_for()
        assert violations(page) == []

    def test_evaluate(self, visitor: Visitor, scheme: Any, size: tuple[int, int]) -> None:
        page = visitor.open("/evaluate", mark="Evaluate", scheme=scheme, size=size)
        open_new_run(page)
        assert violations(page) == []
        # On its tinted ground axe-core does not judge the text of what is chosen.
        text = "#{:02x}{:02x}{:02x}".format
        chosen = page.get_by_role("radio", checked=True)
        for number in range(chosen.count()):
            shown = chosen.nth(number).locator("p").evaluate("one => getComputedStyle(one).color")
            colour = text(*map(int, re.findall(r"\d+", shown)[:3]))
            assert colour == colours("blueTextColor")[scheme == "dark"]
        turn_to_section(page, "Suites")
        page.get_by_text("Add a suite").wait_for()
        assert violations(page) == []
        turn_to_section(page, "Feedback")
        assert violations(page) == []
