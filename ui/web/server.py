"""The web process: pages, routes and headers in one Starlette app; everything ends with it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.middleware import Middleware

from assistant.errors import AssistantError, ForbiddenError
from assistant.settings import SignInSettings
from ui.web.components.signed_out import draw_signed_out
from ui.web.desk import SignedOutError
from ui.web.gate import GateMiddleware
from ui.web.logs import RequestLogMiddleware, log_through_one_handler, log_unexpected
from ui.web.openid_extra import build_openid
from ui.web.resources import Resources, installed
from ui.web.routes import build_routes
from ui.web.security import LOOPBACK_HOSTS, SecurityMiddleware
from ui.web.shown_text import plain
from ui.web.sign_in_routes import SignInPages
from ui.web.theme import streamlit_options
from ui.web.throttle import Throttle
from ui.web.upload_routes import build_upload_routes

SCRIPT = Path(__file__).with_name("app.py")
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1", "localhost")
_LOG = logging.getLogger(__name__)


class OpenToOthersError(AssistantError):
    """The address can be reached from other machines, and passwords would travel readable."""


class PortTakenError(AssistantError):
    """Something else listens on the port already."""


def serve(resources: Resources, *, host: str, port: int) -> None:
    """Serve the app until the process is told to end; blocks.

    Args:
        resources: Stay open for as long as this runs.
        host: Address of this machine to listen on.
        port: Port to listen on.

    Raises:
        OpenToOthersError: the address is not loopback, and no https address is set for people.
        PortTakenError: another program listens there.
    """
    is_encrypted = resources.settings.sign_in.address.startswith("https:")
    if host not in LOOPBACK_ADDRESSES and not is_encrypted:
        message = (
            f"cannot listen on {host!r}: passwords and documents would travel readable; put a "
            "proxy with TLS before it and set sign_in.address to its https address, or give one "
            f"of {', '.join(LOOPBACK_ADDRESSES)}"
        )
        raise OpenToOthersError(message)
    _require_free(host, port)
    _have_home(resources.data_dir)
    hosts = served_hosts(resources.settings.sign_in, host)
    build_app(resources, host).run(config=streamlit_options(host, port, hosts))


def build_app(resources: Resources, host: str) -> st.App:
    """Compose the app: its routes, and the gate before all of them and of Streamlit's own.

    Raises:
        SettingsError: people shall sign in by a provider, but libraries for it are missing.
    """
    throttle = Throttle()
    routes = [*SignInPages(throttle).routes(), *build_routes(), *build_upload_routes()]
    openid = build_openid(resources.settings.openid)
    if openid is not None:
        from ui.web.openid.routes import OpenIdPages  # of an extra

        routes += OpenIdPages(openid, throttle).routes()
    return st.App(
        SCRIPT,
        lifespan=_lifespan(resources),
        routes=routes,
        middleware=[
            Middleware(RequestLogMiddleware, on_request=resources.metrics.note_request),
            Middleware(SecurityMiddleware, hosts=served_hosts(resources.settings.sign_in, host)),
            Middleware(
                GateMiddleware,
                accounts=resources.accounts,
                with_openid=openid is not None,
                metrics_token=resources.settings.monitoring.token.get_secret_value(),
                is_secure=resources.settings.sign_in.is_secure,
            ),
        ],
        on_script_error=_on_script_error,
    )


def served_hosts(settings: SignInSettings, host: str) -> frozenset[str]:
    """Return the host names that are answered: this machine's own and the one set for people."""
    public = urlsplit(settings.address).hostname
    return LOOPBACK_HOSTS | {host} | ({public} if public else set())


def _lifespan(resources: Resources) -> Any:
    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        log_through_one_handler()
        with installed(resources):
            yield

    return lifespan


def _on_script_error(error: Exception) -> bool:
    """Log what broke a page and tell the person without its details."""
    if isinstance(error, SignedOutError):
        draw_signed_out()
        return True
    if isinstance(error, ForbiddenError):
        st.error(plain(f"{error}."))
        return True
    error_id = log_unexpected(_LOG, "a page ended unexpectedly", error)
    st.error(
        "This page could not be shown. Reload it; if that does not help, tell an admin this "
        f"number: {error_id}"
    )
    return True


def _have_home(data_dir: Path) -> None:
    """Let Streamlit look for settings of its own in the data dir where nobody has a home."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(data_dir)


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
