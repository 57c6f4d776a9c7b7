"""Logs as JSON lines, each with the id of the request it belongs to; never any document text."""

from __future__ import annotations

import logging
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.inert import json_text
from ui.web.security import HEADERS

REQUEST_ID = "X-Request-Id"
_LOG = logging.getLogger(__name__)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
UNEXPECTED = (
    "Something went wrong that should not. Try again; if that does not help, tell an admin this "
    "number: {}"
)
ACCESS_LOG = "uvicorn.access"
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
        return json_text({key: value for key, value in values.items() if value is not None})


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
    logging.captureWarnings(True)
    threading.excepthook = _log_dead_thread


def _log_dead_thread(what: threading.ExceptHookArgs) -> None:
    """Log what ended a thread, which Python would print with the error's own words."""
    if what.exc_value is not None and not isinstance(what.exc_value, SystemExit):
        name = what.thread.name if what.thread else "?"
        exc_info = (what.exc_type, what.exc_value, what.exc_traceback)
        logging.getLogger("ui.web").error("the thread %r ended", name, exc_info=exc_info)


def log_through_one_handler() -> None:
    """Have the libraries' logs go the way of all others: their handlers print errors whole.

    But for uvicorn's log of requests: it has their queries, in which the secrets of links and the
    provider's codes stand. `RequestLogMiddleware` logs requests without.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.startswith(("streamlit", "uvicorn")):
            logger.handlers.clear()
            # Requests are logged here already, and without what stands after the path: the
            # secrets of sign-in links do.
            logger.propagate = name != ACCESS_LOG


def log_unexpected(log: logging.Logger, what: str, error: Exception) -> str:
    """Log an error that nobody foresaw and return the number by which its entry is found.

    People are told the number and what to do; the details are in the log alone.
    """
    error_id = new_request_id()
    log.error(what, exc_info=error, extra={"fields": {"error_id": error_id}})
    return error_id


def new_request_id() -> str:
    """Return an id for a request or a question, short enough to be read out."""
    return secrets.token_hex(6)


class RequestLogMiddleware:
    """Gives every request an id, which the answer names, and logs how it went.

    Args:
        app: What answers.
        on_request: Told the status of each answer.
    """

    def __init__(self, app: ASGIApp, on_request: Callable[[int], None] = lambda _: None) -> None:
        self._app = app
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        token = _request_id.set(request_id)
        started_s = time.perf_counter()
        status = 500

        has_begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_begun
            has_begun = True
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if has_begun:
                raise
            _LOG.error("a request ended unexpectedly", exc_info=error)
            answer = PlainTextResponse(UNEXPECTED.format(request_id), 500, HEADERS)
            await answer(scope, receive, send_with_id)
        finally:
            self._on_request(status)
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
