"""Routes beside the pages: health, files, page pictures, exports; each for whoever asks."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import quote as percent_encoded

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from assistant.errors import UnknownNameError
from assistant.inert import visible
from assistant.types import DocumentId, Version
from ingest.errors import RejectedFileError
from ui.web import resources
from ui.web.access_rules import (
    AUDIT_PATH,
    AUDIT_TABLE_PATH,
    DOCUMENTS_PATH,
    HEALTH_PATH,
    LIVE_PATH,
    METRICS_PATH,
)
from ui.web.cookies import cookie_value
from ui.web.desk import Desk
from ui.web.services.documents import PDF
from ui.web.services.monitoring import state_of

INLINE = frozenset({PDF, "text/plain"})
"""Media types a browser may show itself; everything else is downloaded, never run here."""
_SMALL_NUMBER = re.compile("[0-9]{1,9}")
"""A place within a document; what is longer, no database and no text holds."""


def desk_of(request: Request) -> Desk:
    """Return the desk of whoever sends a request."""
    opened = resources.current()
    cookies = request.headers.get("cookie", "")
    return Desk(opened, cookie_value(cookies, is_secure=opened.settings.sign_in.is_secure))


def file_address(document_id: str, version: str, page_number: int | None = None) -> str:
    """Return the address of a document's bytes, for PDF at a page."""
    at = f"#page={page_number}" if page_number else ""
    return f"{DOCUMENTS_PATH}/{percent_encoded(document_id)}/versions/{version}{at}"


def picture_address(
    document_id: str, ordinal: int, page_number: int, start: int = 0, end: int = 0
) -> str:
    """Return the address of the picture of a PDF's page, with a passage marked.

    Everything in it is counted within the document: it tells nothing of others.
    """
    where = f"{DOCUMENTS_PATH}/{percent_encoded(document_id)}/versions/{ordinal}"
    marked = f"?start={start}&end={end}" if end > start else ""
    return f"{where}/pages/{page_number}.png{marked}"


def build_routes() -> list[Route]:
    """Return the routes; they come before Streamlit's own."""
    return [
        Route(HEALTH_PATH, health),
        Route(LIVE_PATH, live),
        Route(METRICS_PATH, metrics),
        Route(f"{DOCUMENTS_PATH}/{{document_id}}/versions/{{version}}", document_file),
        Route(
            f"{DOCUMENTS_PATH}/{{document_id}}/versions/{{ordinal}}/pages/{{page}}.png",
            page_picture,
        ),
        Route(AUDIT_PATH, audit_log),
        Route(AUDIT_TABLE_PATH, audit_table),
    ]


async def health(_request: Request) -> Response:
    """Tell whether the models are ready: 200 if so, else 503 with what is missing."""
    engine = resources.current().engine
    if not engine.done():
        return JSONResponse({"status": "loading"}, status_code=503)
    if engine.exception() is not None:
        return JSONResponse({"status": "no models"}, status_code=503)
    return JSONResponse({"status": "ok"})


async def live(_request: Request) -> Response:
    """Tell that the server answers, whatever it waits for."""
    return JSONResponse({"status": "ok"})


async def metrics(_request: Request) -> Response:
    """Send what the server counts, for Prometheus; the gate has seen who asks."""
    opened = resources.current()
    text = await run_in_threadpool(lambda: opened.metrics.text(state_of(opened).gauges()))
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


async def document_file(request: Request) -> Response:
    """Send a document's bytes as they were ingested."""
    documents = desk_of(request).documents
    document_id = DocumentId(request.path_params["document_id"])
    version = Version(request.path_params["version"])
    try:
        path, name, media_type = await run_in_threadpool(documents.open_file, document_id, version)
    except UnknownNameError:
        return _not_found()
    base, disposition = PurePosixPath(name).name, "attachment"
    guessed = mimetypes.guess_type(base)[0]
    if media_type in INLINE and guessed == media_type:
        disposition = "inline"
    return FileResponse(
        path,
        media_type=media_type if disposition == "inline" else "application/octet-stream",
        # Direction marks in a name could hide what kind of file it is.
        filename=visible(base, "_"),
        content_disposition_type=disposition,
        headers={"Cache-Control": "private, no-store"},
    )


async def page_picture(request: Request) -> Response:
    """Send a page of a PDF as a picture, with a passage marked."""
    documents = desk_of(request).documents
    given = {"start": "0", "end": "0", **request.query_params, **request.path_params}
    places = [given[name] for name in ("ordinal", "page", "start", "end")]
    if not all(map(_SMALL_NUMBER.fullmatch, places)):
        return _not_found()
    document_id = DocumentId(given["document_id"])
    try:
        picture = await run_in_threadpool(documents.draw_page, document_id, *map(int, places))
    except UnknownNameError:
        return _not_found()
    except RejectedFileError as error:
        return PlainTextResponse(error.detail, 422)
    # Asked for anew each time: what was readable may not be any more.
    headers = {"Cache-Control": "private, no-cache", "X-Boxes": str(picture.n_boxes)}
    return Response(picture.png, media_type="image/png", headers=headers)


async def audit_log(request: Request) -> Response:
    """Send the audit log as JSON lines, to be kept elsewhere."""
    lines = await run_in_threadpool(desk_of(request).audit.export)
    return _download(lines, "plinth-audit.jsonl", "application/jsonl")


async def audit_table(request: Request) -> Response:
    """Send the audit log as CSV, for spreadsheets."""
    lines = await run_in_threadpool(desk_of(request).audit.export_table)
    return _download(lines, "plinth-audit.csv", "text/csv")


def _download(lines: Iterator[bytes], name: str, media_type: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(lines, media_type=media_type, headers=headers)


def _not_found() -> Response:
    return PlainTextResponse("There is no such document, or you may not read it.", 404)
