from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from assistant.store.layout import Layout
from assistant.store.types import JobKind
from tests.ui.web.conftest import ORIGIN, visit
from ui.web.access_rules import UPLOADS_PATH
from ui.web.desk import Desk
from ui.web.logs import REQUEST_ID, RequestLogMiddleware
from ui.web.resources import Resources
from ui.web.security import SecurityMiddleware
from ui.web.upload_routes import build_upload_routes

OURS = {"X-Plinth-Upload": "1"}


@pytest.fixture
def client(desk: Desk) -> TestClient:
    middleware = [Middleware(RequestLogMiddleware), Middleware(SecurityMiddleware)]
    app = Starlette(routes=build_upload_routes(), middleware=middleware)
    return visit(TestClient(app, base_url=ORIGIN))


def begin(client: TestClient) -> str:
    reply = client.post(f"{UPLOADS_PATH}?collection=hr", headers=OURS)
    assert reply.status_code == 201
    return f"{UPLOADS_PATH}/{reply.json()['job']}"


def test_a_file_that_was_sent_is_on_disk_and_in_the_queue(
    client: TestClient, opened: Resources
) -> None:
    address = begin(client)
    reply = client.put(f"{address}?name=sub/a%20file.txt", content=b"bytes", headers=OURS)
    assert reply.status_code == 201
    assert len(reply.headers[REQUEST_ID]) == 12
    job_id = int(address.rsplit("/", 1)[1])
    (file,) = opened.catalog.jobs.files(job_id)
    assert (file.document, file.size_bytes, file.status) == ("sub/a file.txt", 5, None)
    assert Layout(opened.data_dir).upload(job_id, file.document).read_bytes() == b"bytes"


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("..%2Fx.txt", 422, "rename the file"),
        ("", 422, "rename the file"),
        ("big.txt", 422, "more than the limit"),
        ("twice.txt", 409, "sent already"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_the_reason(
    client: TestClient, opened: Resources, name: str, status: int, said: str
) -> None:
    address = begin(client)
    client.put(f"{address}?name=twice.txt", content=b"x", headers=OURS)
    n_bytes = opened.settings.ingest.max_file_bytes + 1 if name.startswith("big") else 1
    blocks = (b"x" * min(1 << 20, n_bytes - at) for at in range(0, n_bytes, 1 << 20))
    reply = client.put(f"{address}?name={name}", content=blocks, headers=OURS)
    assert reply.status_code == status
    assert said in reply.json()["error"]
    job_id = int(address.rsplit("/", 1)[1])
    assert len(opened.catalog.jobs.files(job_id)) == 1
    assert len([*(Layout(opened.data_dir).uploads / str(job_id)).iterdir()]) == 1


def test_a_file_for_no_batch_is_refused(client: TestClient) -> None:
    assert client.put(f"{UPLOADS_PATH}/999?name=a.txt", headers=OURS).status_code == 404


@pytest.mark.parametrize("collection", ["", "%20", "x" * 101])
def test_a_batch_needs_a_collection(client: TestClient, collection: str) -> None:
    reply = client.post(f"{UPLOADS_PATH}?collection={collection}", headers=OURS)
    assert reply.status_code == 422


@pytest.mark.parametrize(
    "headers", [{}, OURS | {"Origin": "http://evil.example"}, OURS | {"Origin": "null"}]
)
def test_what_another_sites_page_sends_is_refused(
    client: TestClient, opened: Resources, headers: dict[str, str]
) -> None:
    address = begin(client)
    assert client.post(f"{UPLOADS_PATH}?collection=hr", headers=headers).status_code == 403
    assert client.put(f"{address}?name=a.txt", content=b"x", headers=headers).status_code == 403
    assert opened.catalog.jobs.files(int(address.rsplit("/", 1)[1])) == ()


def test_a_batch_is_refused_before_anything_is_sent_if_there_is_no_room(
    client: TestClient, opened: Resources
) -> None:
    limits = opened.settings.ingest
    before = len(opened.catalog.jobs.list([JobKind.UPLOAD]))
    for query, said in (
        (f"files={limits.max_batch_files + 1}", "ingest.max_batch_files"),
        (f"files=1&bytes={limits.max_batch_bytes + 1}", "ingest.max_batch_bytes"),
    ):
        reply = client.post(f"{UPLOADS_PATH}?collection=hr&{query}", headers=OURS)
        assert reply.status_code == 422
        assert said in reply.json()["error"]
    assert len(opened.catalog.jobs.list([JobKind.UPLOAD])) == before
    for query in ("files=1&bytes=10", "files=x&bytes=-1", f"bytes={'9' * 5000}", "files=%C2%B2"):
        reply = client.post(f"{UPLOADS_PATH}?collection=hr&{query}", headers=OURS)
        assert reply.status_code == 201


def test_a_file_that_says_it_is_too_large_is_refused_unread(
    client: TestClient, opened: Resources
) -> None:
    address = begin(client)
    length = str(opened.settings.ingest.max_file_bytes + 1)
    reply = client.put(
        f"{address}?name=big.txt", content=b"x", headers=OURS | {"Content-Length": length}
    )
    assert reply.status_code == 422
    assert "more than the limit" in reply.json()["error"]
    assert not (Layout(opened.data_dir).uploads / address.rsplit("/", 1)[1]).exists()
