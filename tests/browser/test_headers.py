from __future__ import annotations

import pytest
from playwright.sync_api import Response

from tests.browser.app import open_source
from tests.browser.conftest import Asked, Visitor
from ui.web.security import HEADERS

PLACES = {
    "/": 200,
    "/ask": 200,
    "/favicon.png": 200,
    "/_stcore/health": 200,
    "/plinth/health": 200,
    "/plinth/documents/none/versions/none": 404,
    "/plinth/documents/none/versions/1/pages/1.png?start=0&end=1": 404,
    "/media/none.png": 404,
}


@pytest.mark.parametrize(("place", "status"), PLACES.items())
def test_every_response_carries_the_headers(visitor: Visitor, place: str, status: int) -> None:
    reply = visitor.context.request.get(visitor.app.url + place)
    assert reply.status == status
    assert {name: reply.headers.get(name.lower()) for name in HEADERS} == HEADERS


def test_everything_a_page_loads_carries_the_headers(returning: Visitor, asked: Asked) -> None:
    page = returning.context.new_page()
    bare: list[str] = []

    def check(reply: Response) -> None:
        theirs = {name: reply.headers.get(name.lower()) for name in HEADERS}
        if theirs != HEADERS and not reply.url.startswith(("data:", "blob:")):
            bare.append(reply.url)

    page.on("response", check)
    page.goto(returning.app.url + asked.path)
    open_source(page)
    assert bare == []


def test_other_hosts_are_refused(visitor: Visitor) -> None:
    reply = visitor.context.request.get(visitor.app.url, headers={"Host": "evil.example"})
    assert reply.status == 421
