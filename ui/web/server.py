"""The web process: pages, routes and headers in one Starlette app; everything ends with it."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from assistant.errors import AssistantError
from ui.web.logs import RequestLogMiddleware
from ui.web.resources import Resources, installed
from ui.web.routes import build_routes
from ui.web.security import SecurityMiddleware
from ui.web.sessions import BrowserCookieMiddleware
from ui.web.theme import streamlit_options
from ui.web.upload_routes import build_upload_routes

SCRIPT = Path(__file__).with_name("app.py")
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1", "localhost")
_LOG = logging.getLogger(__name__)


class OpenToOthersError(AssistantError):
    """The address can be reached from other machines, where nobody would have to sign in."""


class PortTakenError(AssistantError):
    """Something else listens on the port already."""


def serve(resources: Resources, *, host: str, port: int) -> None:
    """Serve the app until the process is told to end; blocks.

    Args:
        resources: Stay open for as long as this runs.
        host: Address of this machine's loopback to listen on.
        port: Port to listen on.

    Raises:
        OpenToOthersError: the address is not loopback.
        PortTakenError: another program listens there.
    """
    if host not in LOOPBACK_ADDRESSES:
        message = (
            f"cannot listen on {host!r}: whoever reaches it could read every document without "
            f"signing in; give one of {', '.join(LOOPBACK_ADDRESSES)}"
        )
        raise OpenToOthersError(message)
    _require_free(host, port)
    app = st.App(
        SCRIPT,
        lifespan=_lifespan(resources),
        routes=[*build_routes(), *build_upload_routes()],
        middleware=[
            Middleware(RequestLogMiddleware),
            Middleware(SecurityMiddleware),
            Middleware(BrowserCookieMiddleware),
        ],
        on_script_error=_on_script_error,
    )
    app.run(config=streamlit_options(host, port))


def _lifespan(resources: Resources) -> Any:
    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        with installed(resources):
            yield

    return lifespan


def _on_script_error(error: Exception) -> bool:
    """Log what broke a page and tell the person without its details."""
    _LOG.error("a page ended unexpectedly", exc_info=error)
    st.error("This page could not be shown. Reload it; if that does not help, tell an admin.")
    return True


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            message = (
                f"cannot listen on {host}:{port} ({exc.strerror}); give another --port, or end "
                "what listens there"
            )
            raise PortTakenError(message) from exc
