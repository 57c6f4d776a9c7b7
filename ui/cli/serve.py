"""`plinth serve`: the web app."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.options import DataDir

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
    from ui.web.resources import open_resources
    from ui.web.server import serve as run_server

    with open_resources(data_dir) as resources:
        print(f"Plinth is at http://{host}:{port}", flush=True)
        run_server(resources, host=host, port=port)
