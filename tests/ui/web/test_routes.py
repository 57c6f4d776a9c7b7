from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from assistant.access import OPERATOR, Role
from assistant.store.types import DocumentSummary
from tests.ui.web.conftest import ORIGIN, SignIn, visit
from ui.web.cookies import cookie_value
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.routes import build_routes, file_address, picture_address
from ui.web.security import HEADERS, SecurityMiddleware


@pytest.fixture
def client(desk: Desk) -> TestClient:
    app = Starlette(routes=build_routes(), middleware=[Middleware(SecurityMiddleware)])
    return visit(TestClient(app, base_url=ORIGIN))


def document(opened: Resources, name: str) -> DocumentSummary:
    return next(one for one in opened.catalog.list_documents(OPERATOR) if one.document == name)


def picture_of(opened: Resources, one: DocumentSummary, words: str) -> str:
    """The address of the picture of the page that holds some words, with them marked."""
    detail = opened.catalog.document(one.document_id, OPERATOR)
    page = next(page for page in detail.pages if words in page.text)
    assert page.page_number is not None
    start = page.text.index(words)
    end = start + len(words)
    return picture_address(one.document_id, len(detail.versions), page.page_number, start, end)


def test_health_says_that_the_models_are_ready(client: TestClient) -> None:
    reply = client.get("/plinth/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_every_response_has_the_headers_also_an_error(client: TestClient) -> None:
    for path in ("/plinth/health", "/plinth/documents/x/versions/y", "/nothing"):
        reply = client.get(path)
        assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_request_for_another_host_is_refused(client: TestClient, host: str) -> None:
    reply = client.get("/plinth/health", headers={"host": host})
    assert reply.status_code == 421
    assert "Content-Security-Policy" in reply.headers


def test_file_is_shown_where_a_browser_may_and_downloaded_else(
    client: TestClient, opened: Resources
) -> None:
    for name, shown in (("employee-handbook.pdf", "inline"), ("leave.md", "attachment")):
        one = document(opened, name)
        reply = client.get(file_address(one.document_id, one.version, 1))
        assert reply.status_code == 200
        assert reply.headers["content-disposition"].startswith(shown)
        assert len(reply.content) == one.size_bytes


def test_picture_marks_the_passage(client: TestClient, opened: Resources) -> None:
    one = document(opened, "employee-handbook.pdf")
    quote = "26 working days of paid holiday"
    reply = client.get(picture_of(opened, one, quote))
    assert reply.headers["content-type"] == "image/png"
    assert int(reply.headers["x-boxes"]) >= 1
    reply = client.get(picture_address(one.document_id, 1, 1))
    assert (reply.headers["content-type"], reply.headers["x-boxes"]) == ("image/png", "0")


def test_picture_of_what_is_no_pdf_or_no_place_is_not_found(
    client: TestClient, opened: Resources
) -> None:
    one = document(opened, "leave.md")
    assert client.get(picture_address(one.document_id, 1, 1)).status_code == 404
    one = document(opened, "employee-handbook.pdf")
    pages = f"/plinth/documents/{one.document_id}/versions"
    assert client.get(f"{pages}/1/pages/1.png").status_code == 200
    long = "9" * 5000
    for wrong in (
        "2/pages/1.png",
        "1/pages/0.png",
        "1/pages/7.png",
        "1/pages/1.png?start=x",
        "1/pages/1.png?start=-1",
        f"1/pages/{long}.png",
        f"{long}/pages/1.png",
        f"1/pages/1.png?end={long}",
    ):
        assert client.get(f"{pages}/{wrong}").status_code == 404, wrong[:40]


def test_nothing_is_sent_of_what_the_asker_may_not_read(
    client: TestClient, opened: Resources, sign_in: SignIn
) -> None:
    one = document(opened, "employee-handbook.pdf")
    picture = picture_of(opened, one, "26 working days")
    assert client.get(picture).status_code == 200
    sign_in("ann", Role.EMPLOYEE)
    visit(client)
    assert client.get(file_address(one.document_id, one.version)).status_code == 404
    assert client.get(picture).status_code == 404


def test_file_of_a_version_the_document_never_had_is_not_found(
    client: TestClient, opened: Resources
) -> None:
    one, other = document(opened, "leave.md"), document(opened, "travel.md")
    assert client.get(file_address(one.document_id, other.version)).status_code == 404


def test_long_cookies_are_refused_before_anything_reads_them(client: TestClient) -> None:
    reply = client.get("/plinth/health", headers={"Cookie": "a=" + "\\" * 10_000})
    assert reply.status_code == 431


@pytest.mark.parametrize("other", ['a={"x": 1}; ', "bare; ", 'q="; plinth'])
def test_other_programs_cookies_do_not_hide_ours(other: str) -> None:
    assert cookie_value(f"{other}; plinth_session=s3cret; z=1") == "s3cret"
    assert cookie_value(f"{other} plinth_sessions=x") == ""


def test_a_cookie_that_another_host_may_have_put_there_is_none() -> None:
    assert cookie_value("plinth_session=mine; plinth_session=theirs") == ""
    both = "plinth_session=theirs; __Host-plinth_session=mine"
    assert cookie_value(both, is_secure=True) == "mine"
    assert cookie_value("plinth_session=theirs", is_secure=True) == ""
