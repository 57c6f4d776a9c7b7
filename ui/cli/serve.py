"""`plinth serve`: the web app."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.options import DataDir
from ui.cli.terminal import log_level, say

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8501


def serve(
    data_dir: DataDir,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen on; others than loopback need sign_in.address."
        ),
    ] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = DEFAULT_PORT,
) -> None:
    """Start the web app and print its address; Ctrl-C ends it.

    Example: plinth serve --port 8600
    """
    from assistant.store.layout import Layout  # heavy: not for --help
    from ui.addresses import link_address
    from ui.web.logs import log_as_json
    from ui.web.resources import open_resources
    from ui.web.server import serve as run_server

    log_as_json(log_level())
    with open_resources(data_dir) as resources:
        resources.worker.start()
        address = resources.settings.sign_in.address.rstrip("/") or _address(host, port)
        say(f"Plinth is at {address}")
        first = resources.first_admin_link()
        if first is not None:
            name, secret = first
            say(f"Sign in as {name} with this link, once: {link_address(address, secret)}")
        Layout(data_dir).server_address.write_text(f"{address}\n", encoding="utf-8")
        run_server(resources, host=host, port=port)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
