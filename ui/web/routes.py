"""Routes beside the pages: health, files and page pictures, each by what the asker may read."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import quote as percent_encoded

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from assistant.errors import UnknownNameError
from assistant.types import ChunkId, DocumentId, Version
from ingest.errors import RejectedFileError
from ingest.page_picture import PagePicture, draw_page
from ui.web import resources
from ui.web.resources import Resources

PICTURE_WIDTH_PX = 900
PDF = "application/pdf"
INLINE = frozenset({PDF, "text/plain"})
"""Media types a browser may show itself; everything else is downloaded, never run here."""


def file_address(document_id: str, version: str, page_number: int | None = None) -> str:
    """Return the address of a document's bytes, for PDF at a page."""
    at = f"#page={page_number}" if page_number else ""
    return f"/plinth/documents/{percent_encoded(document_id)}/versions/{version}{at}"


def picture_address(document_id: str, chunk_id: str, start: int, end: int) -> str:
    """Return the address of the picture of the PDF page a citation points into, marked."""
    where = f"/plinth/documents/{percent_encoded(document_id)}/passages/{chunk_id}.png"
    return f"{where}?start={start}&end={end}"


def page_address(document_id: str, version: str, page_number: int) -> str:
    """Return the address of the picture of a PDF's page."""
    where = f"/plinth/documents/{percent_encoded(document_id)}/versions/{version}"
    return f"{where}/pages/{page_number}.png"


def build_routes() -> list[Route]:
    """Return the routes; they come before Streamlit's own."""
    return [
        Route("/plinth/health", health),
        Route("/plinth/documents/{document_id}/versions/{version}", document_file),
        Route(
            "/plinth/documents/{document_id}/versions/{version}/pages/{page_number:int}.png",
            whole_page_picture,
        ),
        Route("/plinth/documents/{document_id}/passages/{chunk_id:int}.png", page_picture),
    ]


async def health(_request: Request) -> Response:
    """Tell whether the models are ready: 200 if so, else 503 with what is missing."""
    engine = resources.current().engine
    if not engine.done():
        return JSONResponse({"status": "loading"}, status_code=503)
    if engine.exception() is not None:
        return JSONResponse({"status": "no models"}, status_code=503)
    return JSONResponse({"status": "ok"})


async def document_file(request: Request) -> Response:
    """Send a document's bytes as they were ingested."""
    opened = resources.current()
    document_id = DocumentId(request.path_params["document_id"])
    version = Version(request.path_params["version"])
    try:
        name, media_type = await run_in_threadpool(_readable, opened, document_id, version)
    except UnknownNameError:
        return _not_found()
    path = opened.catalog.original(version)
    if path is None:
        return _not_found()
    base, disposition = PurePosixPath(name).name, "attachment"
    guessed = mimetypes.guess_type(base)[0]
    if media_type in INLINE and guessed == media_type:
        disposition = "inline"
    return FileResponse(
        path,
        media_type=media_type if disposition == "inline" else "application/octet-stream",
        filename=base,
        content_disposition_type=disposition,
    )


async def page_picture(request: Request) -> Response:
    """Send a page of a PDF as a picture, with a passage marked."""
    opened = resources.current()
    document_id = DocumentId(request.path_params["document_id"])
    chunk_id = ChunkId(request.path_params["chunk_id"])
    try:
        start, end = (int(request.query_params.get(name, "0")) for name in ("start", "end"))
    except ValueError:
        return _not_found()
    return await _picture(partial(_draw_cited, opened, document_id, chunk_id, start, end))


async def whole_page_picture(request: Request) -> Response:
    """Send a page of a PDF as a picture."""
    opened, params = resources.current(), request.path_params
    document_id, version = DocumentId(params["document_id"]), Version(params["version"])
    return await _picture(partial(_draw_page, opened, document_id, version, params["page_number"]))


async def _picture(draw: Callable[[], PagePicture]) -> Response:
    try:
        picture = await run_in_threadpool(draw)
    except UnknownNameError:
        return _not_found()
    except RejectedFileError as error:
        return PlainTextResponse(error.detail, 422)
    return Response(
        picture.png,
        media_type="image/png",
        headers={"Cache-Control": "private, max-age=3600", "X-Boxes": str(picture.n_boxes)},
    )


def _readable(opened: Resources, document_id: DocumentId, version: Version) -> tuple[str, str]:
    """Return name and media type of a document that has this version.

    Raises:
        UnknownNameError: no such document or version that the asker may see.
    """
    detail = opened.catalog.document(document_id, opened.readable)
    if all(known.version != version for known in detail.versions):
        raise UnknownNameError(f"no version {version!r} of document {document_id!r}")
    return detail.summary.document, detail.summary.media_type


def _draw_page(
    opened: Resources, document_id: DocumentId, version: Version, page_number: int
) -> PagePicture:
    _, media_type = _readable(opened, document_id, version)
    path = opened.catalog.original(version)
    if path is None or media_type != PDF or page_number < 1:
        raise UnknownNameError(f"there is no PDF of document {document_id!r}")
    settings = opened.settings.ingest
    return draw_page(
        path, page_number - 1, quote="", place=0.0, width_px=PICTURE_WIDTH_PX, settings=settings
    )


def _draw_cited(
    opened: Resources, document_id: DocumentId, chunk_id: ChunkId, start: int, end: int
) -> PagePicture:
    cited = opened.catalog.cited_page(document_id, chunk_id, opened.readable)
    path = opened.catalog.original(cited.version)
    if path is None or cited.media_type != PDF:
        raise UnknownNameError(f"there is no PDF of document {document_id!r}")
    return draw_page(
        path,
        cited.page.page_index,
        quote=cited.page.text[start:end],
        place=start / max(1, len(cited.page.text)),
        width_px=PICTURE_WIDTH_PX,
        settings=opened.settings.ingest,
    )


def _not_found() -> Response:
    return PlainTextResponse("There is no such document, or you may not read it.", 404)
