"""`plinth serve`: the web app."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.options import DataDir
from ui.cli.terminal import log_level

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8501


def serve(
    data_dir: DataDir,
    host: Annotated[
        str, typer.Option("--host", help="Loopback address to listen on; others are refused.")
    ] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = DEFAULT_PORT,
) -> None:
    """Start the web app and print its address; Ctrl-C ends it.

    Example: plinth serve --port 8600
    """
    from ui.web.logs import log_as_json
    from ui.web.resources import open_resources
    from ui.web.server import serve as run_server

    log_as_json(log_level())
    with open_resources(data_dir) as resources:
        resources.worker.start()
        print(f"Plinth is at http://{host}:{port}", flush=True)
        run_server(resources, host=host, port=port)
