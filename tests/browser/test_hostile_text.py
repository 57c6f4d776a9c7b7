from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect

from assistant.access import OPERATOR
from assistant.settings import SignInSettings
from assistant.store.catalog import open_catalog
from tests.browser.app import (
    ANSWER_MS,
    ask,
    chips,
    environment,
    hover,
    ingest,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.conftest import SETTINGS, Visitor
from ui.web.cookies import COOKIE

ELSEWHERE = """() => [...document.querySelectorAll('[src], [href], [srcset], [data], [action]')]
    .flatMap(one => ['src', 'href', 'srcset', 'data', 'action']
        .map(name => one.getAttribute(name))
        .filter(value => value && !/^(data|blob):/.test(value))
        .map(value => new URL(value, location.href)))
    .filter(address => address.origin !== location.origin).map(String)"""
"""Addresses of other origins in the page, whether they were followed or not."""


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Another origin, which hears of every connection."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.2", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


@pytest.fixture
def hostile(trap: socket.socket) -> str:
    """Text that would fetch something, or lead somewhere, in every way that a page knows."""
    host = f"127.0.0.2:{trap.getsockname()[1]}"
    return (
        f"![pic](http://{host}/a.png) <img src=http://{host}/b.png> [go](http://{host}/c) "
        f'<a href="http://evil.example/d">link</a> http://{host}/e www.evil.example '
        f"<script src=//{host}/f.js></script> <iframe src=http://{host}/g></iframe> "
        f"<style>@import url(http://{host}/h)</style> ![x][y] [y]: //{host}/i "
        ":red-background[badge] :material/home: $\\href{http://evil.example}{x}$"
    )


def assert_untouched(trap: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        trap.accept()


def seed(
    visitor: Visitor,
    text: str,
    *,
    statuses: Sequence[str] = ("answered", "abstained"),
    n_citations: int = 1,
) -> str:
    """Store a conversation in which everything foreign is this text; return its path."""
    secret = next(one["value"] for one in visitor.context.cookies() if one["name"] == COOKIE)
    with open_catalog(visitor.app.data_dir) as catalog:
        person = catalog.accounts(SignInSettings()).person(secret)
        assert person is not None
        document = next(
            one for one in catalog.list_documents(OPERATOR) if one.document.endswith(".md")
        )
        detail = catalog.document(document.document_id, OPERATOR)
        conversation: str | None = None
        for status in statuses:
            version = detail.versions[-1].version
            reply = stored_reply(text, status, document, version, n_citations)
            conversation, _ = catalog.conversations.add_turn(
                conversation, person.owner, text, reply
            )
    return f"/?conversation={conversation}"


def stored_reply(
    text: str, status: str, document: Any, version: str, n_citations: int
) -> dict[str, Any]:
    place = {
        "document": f"{text}.md",
        "document_id": document.document_id,
        "chunk_id": "1",
        "page_number": None,
    }
    answered = status == "answered"
    numbers = list(range(n_citations))
    citations = [
        {**place, "version": version, "start": 40 * one, "end": 40 * (one + 1), "quote": text}
        for one in numbers
    ]
    return {
        "id": None,
        "question": text,
        "resolved_question": f"{text} again",
        "status": status,
        "reason": None if answered else "unsupported",
        "answer": text,
        "sentences": [
            {"text": text, "support": "supported", "citations": numbers},
            {"text": f"- {text}", "support": "partial", "citations": numbers},
        ]
        if answered
        else [],
        "citations": citations if answered else [],
        "passages": [{**place, "text": text, "score": 0.5, "shown": True}],
        "confidence": 0.5,
        "timings_ms": {"retrieve": 1.0, "ttft": 2.0, "verified": 3.0, "total": 4.0},
        "usage": {
            "prompt_tokens": 1,
            "prompt_tokens_computed": 1,
            "completion_tokens": 1,
            "from_cache": False,
        },
        "model": {
            "generator": text,
            "generator_sha256": "0",
            "embedder": text,
            "prompt_version": text,
        },
        "index_generation": 1,
        "withheld": [text],
        "signals": {},
    }


def test_hostile_reply_shows_as_text_and_reaches_nothing(
    visitor: Visitor, trap: socket.socket, hostile: str
) -> None:
    page = visitor.open(seed(visitor, hostile))
    expect(hover(page, chips(page).first)).to_contain_text("<script src=//127.0.0.2")
    page.mouse.move(0, 0)
    number = page.get_by_test_id("stChatMessage").get_by_role("link", name="1", exact=True).first
    assert "<script src=//127.0.0.2" in str(number.get_attribute("title"))
    for reasons in page.get_by_text("Why").all():
        reasons.click()
    expect(page.get_by_text("<script src=//127.0.0.2").first).to_be_visible()
    chips(page).first.click()
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    wait_until_settled(page)
    shown = page.get_by_test_id("stChatMessage").first.inner_text().replace("\u200c", "")
    assert " ".join(hostile.split()) in " ".join(shown.split())
    assert page.evaluate(ELSEWHERE) == []
    assert_untouched(trap)


def test_hostile_document_is_asked_about_without_reaching_anything(
    visitor: Visitor, trap: socket.socket, hostile: str, tmp_path: Any
) -> None:
    port = trap.getsockname()[1]
    # A path has single slashes; browsers read "http:/host" as "http://host" all the same.
    folder = tmp_path / "hostile"
    file = folder / "![a](http:" / f"127.0.0.2:{port}" / "<img src=x onerror=alert(1)>.png).md"
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
    assert page.evaluate(ELSEWHERE) == []
    assert_untouched(trap)
