"""Text that would fetch, run or pose as something in every way that a page knows, and who hears."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from playwright.sync_api import Locator, Page, expect

from assistant.access import OPERATOR, Person
from assistant.settings import SignInSettings
from assistant.store.catalog import Catalog, open_catalog
from tests.browser.app import POLL_S, STEP_MS, wait_until_settled
from tests.browser.conftest import Visitor
from ui.web.cookies import COOKIE
from ui.web.shown_text import ZERO_WIDTH_NON_JOINER

OTHER_ADDRESS = "127.0.0.2"
OTHER_NAME = "trap.example"
"""The browser of the tests resolves every name to `OTHER_ADDRESS`."""
ELSEWHERE = """() => {
    const names = ['src', 'href', 'xlink:href', 'srcset', 'data', 'action', 'formaction', 'poster',
        'background', 'ping', 'content', 'style'];
    const found = [];
    for (const one of document.querySelectorAll('*')) {
        for (const name of names) {
            const value = one.getAttribute(name);
            if (!value || /^(data|blob):/.test(value)) continue;
            if (name === 'style' ? !/url\\(/i.test(value) : name === 'content') {
                if (name === 'content' && /url=/i.test(value)) found.push(value);
                continue;
            }
            if (new URL(value, location.href).origin !== location.origin) found.push(value);
        }
        for (const name of one.getAttributeNames()) if (/^on/i.test(name)) found.push(name);
    }
    for (const one of document.querySelectorAll('base, iframe, object, embed, math'))
        found.push(one.outerHTML.slice(0, 80));
    return found;
}"""
"""What on a page leads elsewhere, whether it was followed or not, or would run."""
TITLES = re.compile(r"^(Ask|Documents?|Evaluate|People|Account|Plinth|(Sign in|Welcome) · Plinth)$")
"""All that a tab of the browser may say."""
UNSEEN = "gnp.\u202eexe \u2066invoice\u2069 \x1b[31mred\x1b[0m\x07 \x9b2J \u200bzero"
"""Characters that turn text around or command a terminal; names cannot hold them, text can."""


class Listener:
    """A server of another origin, which notes every connection and request.

    Args:
        address: Where it listens.
        page: HTML that it answers with; without it, it answers with nothing.
    """

    def __init__(self, address: str = OTHER_ADDRESS, page: str = "") -> None:
        self.heard: list[str] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.path)
                self.send_response(200 if page else 204)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            do_POST = do_HEAD = do_OPTIONS = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> Any:
                accepted = super().get_request()
                heard.append("connection")
                return accepted

        self._server = Server((address, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def listening(address: str = OTHER_ADDRESS, page: str = "") -> Iterator[Listener]:
    """Let a listener listen until the block ends."""
    listener = Listener(address, page)
    try:
        yield listener
    finally:
        listener.close()


def payloads(port: int) -> Mapping[str, str]:
    """Return hostile texts by what they try; each is short and printable enough to be a name."""
    ip, name = f"{OTHER_ADDRESS}:{port}", f"{OTHER_NAME}:{port}"
    return MappingProxyType(
        {
            "image": f"![pic](http://{ip}/1.png)",
            "references": f'![x][y] [z](//{name}/2 "t") [y]: //{ip}/3',
            "addresses": f"http://{name}/4 <http://{ip}/5> www.{OTHER_NAME}/6",
            "mail": f"a@{OTHER_NAME} mailto:b@{OTHER_NAME} <c@{OTHER_NAME}>",
            "img": f"<img src=//{ip}/7 onerror=alert(1)>",
            "script": f"<script src=//{name}/8></script><script>alert(2)</script>",
            "svg": f"<svg onload=alert(3)><image href=//{ip}/9 /></svg>",
            "frames": f"<iframe src=//{name}/10></iframe><object data=//{ip}/11>",
            "links": f"<link rel=stylesheet href=//{ip}/12><link rel=dns-prefetch href=//{name}>",
            "style": f"<style>@import '//{ip}/13';*{{background:url(//{name}/14)}}</style>",
            "base": f"<base href=//{ip}/><meta http-equiv=refresh content='0;url=//{name}'>",
            "form": f"<form action=//{ip}/15><button>send</button></form>",
            "anchor": f"<a href=//{name}/16 ping=//{ip}/17>go</a>",
            "schemes": "[a](javascript:alert(4)) [b](data:text/html,<script>alert(5)</script>)",
            "directives": ":red[r] :blue-background[b] :red-badge[c] :small[s] ::x[y] :shimmer[z]",
            "icons": ":material/home: :material_home: :streamlit: :smile: :+1: :man-woman-boy:",
            "arrows": "-> a -> b <- c <-> d -- e <= f >= g ~= h -> -> != i (c) ... (tm) --",
            "maths": f"$x^2$ $$y$$ $\\href{{//{ip}/18}}{{z}}$ \\(a\\) \\[b\\]",
            "markup": "**b** _i_ ~~s~~ `c` # h | 1 | > q [^1] [x] ==m== \\* ~t~ ^u^ ++v++",
            "list": "1. one - two * three --- ``` four",
            "entities": "&lt;b&gt; &#60;i&#62; &nbsp;&amp;amp; &copy",
        }
    )


def folded(text: str) -> str:
    """Return text as it is compared: white space folded, what only breaks links apart left out."""
    return " ".join(text.replace(ZERO_WIDTH_NON_JOINER, "").split())


def shown(place: Page | Locator) -> str:
    """Return the text that a page, or a part of it, shows."""
    part = place.locator("body") if isinstance(place, Page) else place
    return folded(part.inner_text())


def assert_inert(page: Page, listener: Listener) -> None:
    """Assert that a page leads nowhere and that nobody elsewhere heard of it."""
    wait_until_settled(page)
    assert page.evaluate(ELSEWHERE) == []
    assert listener.heard == []
    expect(page).to_have_title(TITLES)


def assert_shows(place: Page | Locator, texts: Sequence[str]) -> None:
    """Assert that every text stands there to the letter, at the latest when all is drawn."""
    page = place if isinstance(place, Page) else place.page
    deadline_s = time.monotonic() + STEP_MS / 1000
    while (missing := _missing(place, texts)) and time.monotonic() < deadline_s:
        page.wait_for_timeout(POLL_S * 1000)
    assert missing == [], shown(place)


def _missing(place: Page | Locator, texts: Sequence[str]) -> list[str]:
    there = shown(place)
    return [text for text in texts if folded(text) not in there]


def stored_reply(
    text: str,
    *,
    document_id: str,
    version: str,
    status: str = "answered",
    n_citations: int = 1,
) -> dict[str, Any]:
    """Return a reply in which everything foreign is this text."""
    place = {
        "document": f"{text}.md",
        "document_id": document_id,
        "chunk_id": "1",
        "page_number": None,
    }
    answered = status == "answered"
    numbers = list(range(n_citations))
    citations = [
        {**place, "version": version, "start": 40 * one, "end": 40 * (one + 1), "quote": text}
        for one in numbers
    ]
    sentences = [
        {"text": text, "support": "supported", "citations": numbers},
        {"text": f"- {text}", "support": "partial", "citations": numbers},
    ]
    times = {"retrieve": 1.0, "ttft": 2.0, "verified": 3.0, "total": 4.0}
    tokens = {"prompt_tokens": 1, "prompt_tokens_computed": 1, "completion_tokens": 1}
    model = {"generator": text, "generator_sha256": "0", "embedder": text, "prompt_version": text}
    return {
        "id": None,
        "question": text,
        "resolved_question": f"{text} again",
        "status": status,
        "reason": None if answered else "unsupported",
        "answer": text,
        "sentences": sentences if answered else [],
        "citations": citations if answered else [],
        "passages": [{**place, "text": text, "score": 0.5, "shown": True}],
        "confidence": 0.5,
        "timings_ms": times,
        "usage": {**tokens, "from_cache": False},
        "model": model,
        "index_generation": 1,
        "withheld": [text],
        "signals": {},
    }


def seed(
    visitor: Visitor,
    text: str,
    *,
    statuses: Sequence[str] = ("answered", "abstained"),
    n_citations: int = 1,
) -> str:
    """Store a conversation in which everything foreign is this text; return its path."""
    return seed_turns(visitor, [(text, status) for status in statuses], n_citations=n_citations)


def person_of(visitor: Visitor, catalog: Catalog) -> Person:
    """Return who is signed in at a visitor's browser."""
    secret = next(one["value"] for one in visitor.context.cookies() if one["name"] == COOKIE)
    person = catalog.accounts(SignInSettings()).person(secret)
    assert person is not None
    return person


def seed_turns(visitor: Visitor, turns: Sequence[tuple[str, str]], *, n_citations: int = 1) -> str:
    """Store a conversation of the visitor with a turn for each text and status."""
    with open_catalog(visitor.app.data_dir) as catalog:
        person = person_of(visitor, catalog)
        document = next(
            one for one in catalog.list_documents(person.readable) if one.document.endswith(".md")
        )
        version = catalog.document(document.document_id, OPERATOR).versions[-1].version
        conversation: str | None = None
        for text, status in turns:
            reply = stored_reply(
                text,
                document_id=document.document_id,
                version=version,
                status=status,
                n_citations=n_citations,
            )
            conversation, _ = catalog.conversations.add_turn(
                conversation, person.owner, text, reply
            )
    return f"/?conversation={conversation}"
