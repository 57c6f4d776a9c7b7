from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.app import ANSWER_MS, ask, chips, hover, wait_for_reply, wait_until_settled
from tests.browser.conftest import PDF_QUESTION, Asked, Visitor

LONG_QUESTION = "What happened in Gdynia in November 2024?"
"""A suggested question; the small model writes several sentences that are proven."""
OFF_TOPIC = "Does the canteen serve sushi on Fridays?"
EVIDENCE_TEXT = """() => {
    const text = document.body.innerText;
    return text.includes('Nearest sentence, from') && text;
}"""


def test_suggested_question_is_answered_step_by_step(visitor: Visitor) -> None:
    page = visitor.open()
    suggestions = page.locator("[class*='st-key-suggestion-'] button")
    expect(suggestions).to_have_count(3)
    suggestions.filter(has_text=LONG_QUESTION).click()
    seen = page.wait_for_function(EVIDENCE_TEXT, timeout=ANSWER_MS).json_value()
    assert "not checked yet" not in seen  # the evidence is there before the model's first word
    assert "incident-gdynia-2024-11.md" in seen
    expect(page.get_by_text("grey text is not checked yet")).to_be_visible(timeout=ANSWER_MS)
    wait_for_reply(page)
    assert chips(page).count() > 1
    expect(hover(page, chips(page).first)).to_contain_text("“")
    expect(page.get_by_text("Nearest sentence")).to_have_count(0)


@pytest.mark.parametrize("by", ["click", "key"])
def test_stop_ends_the_question(visitor: Visitor, by: str) -> None:
    page = visitor.open()
    ask(page, LONG_QUESTION)
    stop = page.get_by_role("button", name="Stop")
    stop.wait_for()
    if by == "click":
        stop.click()
    else:
        page.keyboard.press("Escape")
    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.get_by_placeholder("Ask about your documents")).to_be_enabled()
    expect(chips(page)).to_have_count(0)


def test_follow_up_shows_how_it_was_understood(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    ask(page, "And after that?")
    wait_for_reply(page, n_replies=2)
    expect(page.get_by_text(f"Understood as: {PDF_QUESTION} And after that?")).to_be_visible()


def test_reload_keeps_the_conversation(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    page.reload()
    expect(page.get_by_test_id("stChatMessage").first).to_contain_text(PDF_QUESTION)
    expect(chips(page).first).to_be_visible()


def test_conversation_is_nobody_elses(visitor: Visitor, asked: Asked) -> None:
    page = visitor.open(asked.path)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)


def test_history_leads_back_to_a_conversation(returning: Visitor, asked: Asked) -> None:
    page = returning.open()
    page.get_by_role("button", name="For how many weeks").click()
    expect(chips(page).first).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    assert "conversation=" not in page.url


def test_feedback_survives_a_reload(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    thumb = page.get_by_role("radio", name="Thumbs up").first
    expect(thumb).not_to_be_checked()
    thumb.click()
    expect(thumb).to_be_checked()
    wait_until_settled(page)
    page.reload()
    expect(page.get_by_role("radio", name="Thumbs up").first).to_be_checked()


def test_abstention_shows_what_was_looked_for_and_what_came_nearest(visitor: Visitor) -> None:
    page = visitor.open()
    ask(page, OFF_TOPIC)
    wait_for_reply(page)
    expect(page.get_by_text("The documents do not say.")).to_be_visible()
    expect(page.get_by_text(f"I looked for: {OFF_TOPIC}")).to_be_visible()
    nearest = page.get_by_test_id("stExpander").filter(has_text="What came nearest")
    expect(nearest.get_by_role("link").first).to_be_visible()
    expect(chips(page)).to_have_count(0)


def test_why_tells_what_was_searched_and_shown(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    page.get_by_text("Why this answer").first.click()
    expect(page.get_by_text("shown to the model").first).to_be_visible()
    expect(page.get_by_text("smollm2-135m-instruct").first).to_be_visible()
