from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.app import (
    ANSWER_MS,
    STEP_MS,
    ask,
    chips,
    hover,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.conftest import PDF_QUESTION, Asked, Visitor
from tests.browser.hostile import seed
from tests.browser.test_accessibility import violations

LONG_QUESTION = "What happened in Gdynia in November 2024?"
"""A suggested question; the small model writes several sentences that are proven."""
OFF_TOPIC = "What is the capital of Mongolia?"
EVIDENCE_TEXT = """() => {
    const text = document.body.innerText;
    return text.includes('Nearest sentence, from') && text;
}"""
PHONE = (390, 844)
PRESSES_BY_A_NUMBER = """() => {
    const message = document.createElement('div');
    message.dataset.testid = 'stChatMessage';
    message.innerHTML = '<a href="#x">1</a><div class="st-key-x"><button>1</button></div>';
    let presses = 0;
    message.querySelector('button').onclick = () => { presses += 1; };
    message.querySelector('a').onclick = event => event.preventDefault();
    document.body.append(message);
    message.querySelector('a').click();
    message.remove();
    return presses;
}"""


def box(page: Page) -> Locator:
    return page.get_by_placeholder("Ask about your documents")


def replies(page: Page) -> Locator:
    return page.get_by_role("group", name="Chat message from assistant")


def numbers(reply: Locator, number: int) -> Locator:
    """Return the links of a citation's number in the text of an answer."""
    return reply.get_by_role("link", name=str(number), exact=True)


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
    expect(box(page)).to_be_focused()
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


def test_conversations_of_equal_titles_are_told_apart_by_their_times(visitor: Visitor) -> None:
    paths = [seed(visitor, "When does the lift run?") for _ in range(2)]
    page = visitor.open(seed(visitor, "Who runs the lift?"))
    side = page.get_by_test_id("stSidebar")
    expect(side.get_by_text("Today", exact=True)).to_be_visible()
    expect(side.get_by_role("button", name=re.compile(r"^Who runs the lift\?$"))).to_be_visible()
    twins = side.get_by_role("button", name=re.compile(r"^When does the lift run\?\s+\d\d:\d\d"))
    expect(twins).to_have_count(2)
    twins.last.click()
    page.wait_for_url(f"**{paths[0]}")
    assert violations(page) == []


def test_feedback_survives_a_reload(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    thumb = page.get_by_role("radio", name="Thumbs up").first
    expect(thumb).not_to_be_checked()
    thumb.click()
    expect(thumb).to_be_checked()
    expect(page.get_by_text("Rating saved.")).to_be_visible()
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


@pytest.mark.parametrize(
    ("by", "size"), [("click", (1440, 900)), ("key", (1440, 900)), ("click", PHONE)]
)
def test_number_opens_the_source_of_its_chip(
    visitor: Visitor, by: str, size: tuple[int, int]
) -> None:
    path = seed(visitor, "plain words", statuses=("answered", "answered"), n_citations=2)
    page = visitor.open(path, size=size)
    reply = replies(page).last
    number = numbers(reply, 2).first
    expect(number).to_have_attribute("title", "“plain words”")
    if by == "click":
        number.click()
    else:
        number.focus()
        page.keyboard.press("Enter")
    expect(page.get_by_text("Source 2 of 2")).to_be_visible()
    opened = page.locator("[class*='-cite-'] [kind='primary']")
    expect(opened.first).to_contain_text("2 ")
    expect(reply.locator(opened)).not_to_have_count(0)
    expect(replies(page).first.locator(opened)).to_have_count(0)
    assert "#" not in page.url
    if by == "key":  # it leads back to where it was read
        wait_until_settled(page)
        page.keyboard.press("Escape")
        expect(page.get_by_text("Source 2 of 2")).to_have_count(0)
        expect(number).to_be_focused()


def test_number_of_a_real_answer_opens_its_source(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    numbers(replies(page), 1).first.click()
    expect(page.get_by_text("Source 1 of 1")).to_be_visible()
    expect(page.get_by_alt_text("The page with the passage marked")).to_be_visible()


def test_number_presses_its_chip_once_however_often_the_page_was_opened(
    returning: Visitor, asked: Asked
) -> None:
    page = returning.open(asked.path)
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_text("Drop files or folders here")).to_be_visible()
    assert page.evaluate(PRESSES_BY_A_NUMBER) == 0
    page.get_by_role("link", name="Ask").click()
    expect(chips(page)).to_have_count(1)
    page.wait_for_function(f"() => ({PRESSES_BY_A_NUMBER})() === 1")


def test_what_is_unfolded_stays_so_when_a_source_opens(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    page.get_by_text("Why this answer").first.click()
    shown = page.get_by_text("shown to the model").first
    expect(shown).to_be_visible()
    chips(page).first.click()
    expect(page.get_by_text("Source 1 of 1")).to_be_visible()
    expect(shown).to_be_visible()


def test_next_question_is_typed_without_touching_the_box(visitor: Visitor) -> None:
    page = visitor.open()
    expect(box(page)).to_be_focused()
    page.keyboard.type(PDF_QUESTION)
    page.keyboard.press("Enter")
    wait_for_reply(page)
    expect(box(page)).to_be_focused()
    page.keyboard.type("And after that?")
    expect(box(page)).to_have_value("And after that?")


def test_answer_does_not_take_the_focus_from_elsewhere(visitor: Visitor) -> None:
    page = visitor.open()
    ask(page, PDF_QUESTION)
    elsewhere = page.get_by_role("link", name="Documents")
    elsewhere.focus()
    wait_for_reply(page)
    expect(box(page)).to_be_enabled()
    expect(elsewhere).to_be_focused()


def test_answer_does_not_undo_what_is_selected(visitor: Visitor) -> None:
    page = visitor.open()
    ask(page, PDF_QUESTION)
    page.get_by_test_id("stChatMessage").get_by_text(PDF_QUESTION).select_text()
    wait_for_reply(page)
    expect(box(page)).to_be_enabled()
    expect(box(page)).not_to_be_focused()
    assert page.evaluate("() => getSelection().toString()") == PDF_QUESTION


def test_no_keyboard_comes_up_on_a_phone(visitor: Visitor) -> None:
    browser = visitor.context.browser
    assert browser is not None
    with closing(browser.new_context(has_touch=True, is_mobile=True)) as context:
        context.set_default_timeout(STEP_MS)
        context.add_cookies(visitor.context.cookies())
        page = replace(visitor, context=context).open(size=PHONE)
        expect(box(page)).not_to_be_focused()
        box(page).tap()
        expect(box(page)).to_be_focused()
        page.keyboard.press("Enter")  # nothing is sent, so nothing else takes the focus
        expect(box(page)).not_to_be_focused()
        ask(page, PDF_QUESTION)
        wait_for_reply(page)
        expect(box(page)).to_be_enabled()
        expect(box(page)).not_to_be_focused()
        numbers(replies(page), 1).first.tap()
        expect(page.get_by_text("Source 1 of")).to_be_visible()
