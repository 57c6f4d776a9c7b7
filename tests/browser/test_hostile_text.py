"""Text of others in replies: it shows as text, leads nowhere, and no other origin hears of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.app import (
    ANSWER_MS,
    ask,
    chips,
    environment,
    hover,
    ingest,
    wait_for_reply,
)
from tests.browser.conftest import SETTINGS, Visitor
from tests.browser.hostile import (
    ELSEWHERE,
    OTHER_ADDRESS,
    Listener,
    assert_inert,
    assert_shows,
    listening,
    payloads,
    seed,
)


@pytest.fixture
def listener() -> Any:
    with listening() as listener:
        yield listener


@pytest.fixture
def hostile(listener: Listener) -> str:
    return " ".join(payloads(listener.port).values())


def test_the_listener_hears_what_a_careless_page_asks_for(
    browser: Browser, listener: Listener, hostile: str
) -> None:
    """Without this, silence would prove nothing."""
    page = browser.new_page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    with (
        listening("127.0.0.1", page=hostile) as careless,
        page.expect_event("dialog"),
        page.expect_request_finished(lambda one: one.url.endswith("/7")),
    ):
        page.goto(f"http://127.0.0.1:{careless.port}/", wait_until="commit")
    assert "connection" in listener.heard
    assert "/7" in listener.heard
    assert page.evaluate(ELSEWHERE) != []
    page.close()


def test_hostile_reply_shows_as_text_and_reaches_nothing(
    visitor: Visitor, listener: Listener, hostile: str
) -> None:
    page = visitor.open(seed(visitor, hostile))
    expect(hover(page, chips(page).first)).to_contain_text("<script>alert(2)")
    page.mouse.move(0, 0)
    number = page.get_by_test_id("stChatMessage").get_by_role("link", name="1", exact=True).first
    assert "<img src=//127.0.0.2" in str(number.get_attribute("title"))
    for reasons in page.get_by_text("Why").all():
        reasons.click()
    expect(page.get_by_text("<script>alert(2)").first).to_be_visible()
    chips(page).first.click()
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    assert_inert(page, listener)
    messages = page.get_by_test_id("stChatMessage")
    assert_shows(messages.nth(0), [hostile])
    assert_shows(messages.nth(1), [hostile, f"Understood as: {hostile} again"])


def test_hostile_document_is_asked_about_without_reaching_anything(
    visitor: Visitor, listener: Listener, hostile: str, tmp_path: Any
) -> None:
    # A path has single slashes; browsers read "http:/host" as "http://host" all the same.
    folder = tmp_path / "hostile"
    place = f"{OTHER_ADDRESS}:{listener.port}"
    file = folder / "![a](http:" / place / "<img src=x onerror=alert(1)>.png).md"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"# {hostile}\n\nThe code of the zebra valve is 4711. {hostile}\n", encoding="utf-8"
    )
    ingest(folder, "hostile", environment(visitor.app.data_dir, SETTINGS))
    page = visitor.open()
    ask(page, "What is the code of the zebra valve?")
    expect(page.get_by_text("Nearest sentence, from")).to_be_visible(timeout=ANSWER_MS)
    assert page.evaluate(ELSEWHERE) == []
    wait_for_reply(page)
    page.get_by_text("Why").first.click()
    expect(page.get_by_text("onerror=alert").first).to_be_visible()
    assert_inert(page, listener)
