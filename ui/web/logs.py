"""Logs as JSON lines, each with the id of the request it belongs to; never any document text."""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-Id"
_LOG = logging.getLogger(__name__)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
HEALTH = "/plinth/health"
"""Asked for all the time, and 503 is an answer too."""
_QUIET = ("/_stcore/health", "/static/")
"""Paths asked for all the time; they are logged only when they fail."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what was passed as `extra={"fields": …}` joins it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": _request_id.get(),
        }
        values |= getattr(record, "fields", {})
        if record.exc_info:
            shows_all = logging.getLogger().isEnabledFor(logging.DEBUG)
            describe = self.formatException if shows_all else _where
            values["exception"] = describe(record.exc_info)
        return json.dumps({key: value for key, value in values.items() if value is not None})


def _where(exc_info: Any) -> str:
    """Return an error's kind and where it came from: its message may hold text of a document."""
    kind, _, trace = exc_info
    return "".join([*traceback.format_tb(trace), kind.__name__])


def log_as_json(level: str) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("ui.web").setLevel(min(logging.INFO, logging.getLogger().level))


def log_through_one_handler() -> None:
    """Have the libraries' logs go the way of all others: their handlers print errors whole."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.startswith(("streamlit", "uvicorn")):
            logger.handlers.clear()
            logger.propagate = True


def new_request_id() -> str:
    """Return an id for a request or a question, short enough to be read out."""
    return secrets.token_hex(6)


class RequestLogMiddleware:
    """Gives every request an id, which the answer names, and logs how it went."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        token = _request_id.set(request_id)
        started_s = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._log(scope, status, time.perf_counter() - started_s)
            _request_id.reset(token)

    def _log(self, scope: Scope, status: int, took_s: float) -> None:
        path: str = scope["path"]
        if path == HEALTH or (status < 400 and path.startswith(_QUIET)):
            return
        fields = {
            "method": scope["method"],
            "path": path,
            "status": status,
            "ms": round(1000 * took_s, 1),
        }
        level = logging.ERROR if status >= 500 else logging.INFO
        _LOG.log(level, "request", extra={"fields": fields})
