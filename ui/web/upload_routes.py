"""Where the browser sends files: each streamed to disk and queued before it is acknowledged."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assistant.errors import AssistantError, NameTakenError, UnknownNameError
from ingest.errors import IngestError
from ingest.uploads import Announced
from ui.web.access_rules import UPLOADS_PATH
from ui.web.routes import desk_of

GUARD = "x-plinth-upload"
"""A header that no page of another site can send without asking first, which is refused."""
MAX_COLLECTION_CHARS = 100
MAX_DIGITS = 19
"""Of a size that is believed."""
_STATUS = {NameTakenError: 409, UnknownNameError: 404, IngestError: 422}


def build_upload_routes() -> list[Route]:
    """Return the routes by which files come in."""
    return [
        Route(UPLOADS_PATH, begin, methods=["POST"]),
        Route(UPLOADS_PATH + "/{job_id:int}", receive_file, methods=["PUT"]),
    ]


async def begin(request: Request) -> Response:
    """Open a batch for a collection and return its number.

    Whoever says how many files and bytes will come is told at once if there is no room for them.
    """
    if not _is_ours(request):
        return _refused("this page did not come from here", 403)
    collection = request.query_params.get("collection", "").strip()
    if not collection or len(collection) > MAX_COLLECTION_CHARS:
        return _refused("name the collection that the files belong to", 422)
    query = request.query_params
    announced = Announced(
        n_files=_number(query.get("files", "")), n_bytes=_number(query.get("bytes", ""))
    )
    try:
        job_id = await run_in_threadpool(
            desk_of(request).intake.begin_upload, collection, announced
        )
    except IngestError as error:
        return _refused(str(error), 422)
    return JSONResponse({"job": job_id}, 201)


async def receive_file(request: Request) -> Response:
    """Take in one file of a batch; its body is the file's bytes."""
    if not _is_ours(request):
        return _refused("this page did not come from here", 403)
    job_id, name = request.path_params["job_id"], request.query_params.get("name", "")
    try:
        declared_bytes = _number(request.headers.get("content-length", ""))
        await desk_of(request).intake.receive(
            job_id, name, request.stream(), declared_bytes=declared_bytes
        )
    except ClientDisconnect:
        return _refused("the sender went away", 400)
    except AssistantError as error:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        return _refused(str(error), status)
    return JSONResponse({}, 201)


def _number(said: str) -> int:
    """Return a size that the sender says; 0 where nothing of use is said."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < MAX_DIGITS else 0


def _is_ours(request: Request) -> bool:
    """Tell whether a page of this server sends this, not one of another site."""
    origin = request.headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    return same and GUARD in request.headers


def _refused(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status)
