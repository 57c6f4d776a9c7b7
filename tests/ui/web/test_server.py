from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from tests.ui.conftest import Plinth
from ui.settings import Settings
from ui.web.security import HEADERS
from ui.web.server import OpenToOthersError, PortTakenError, serve

END_S = 60
COMMAND = [sys.executable, "-c", "from ui.cli.main import main; main()", "serve"]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        chosen: int = probe.getsockname()[1]
        return chosen


@pytest.fixture
def server(asking: Plinth, data_dir: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PLINTH_DATA_DIR": str(data_dir)}
    process = subprocess.Popen(
        [*COMMAND, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "URL:" in line:  # Streamlit's word that it listens
            break
    else:
        pytest.fail("".join(printed))
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_serve_answers_with_its_headers_and_ends_with_all_its_children(
    server: subprocess.Popen[str], port: int, data_dir: Path
) -> None:
    page = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(page, timeout=END_S) as reply:
        assert reply.status == 200
        assert b"Sign in" in reply.read()
        headers = dict(reply.headers.items())
    lower = {name.lower(): value for name, value in headers.items()}
    assert {name: lower.get(name.lower()) for name in HEADERS} == HEADERS
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=END_S)  # ends with the last process that holds its output
    layout = Layout(data_dir)
    assert not ProcessLock.is_held(layout.server_lock)
    assert not ProcessLock.is_held(layout.worker_lock)


def on_loopback() -> Any:
    """What is asked of the resources before the server listens."""
    return SimpleNamespace(settings=Settings())


def test_serve_on_a_taken_port_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortTakenError, match="give another --port"):
            serve(on_loopback(), host="127.0.0.1", port=taken.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "intranet.example"])
def test_serve_for_other_machines_is_refused(host: str, port: int) -> None:
    with pytest.raises(OpenToOthersError, match="travel readable"):
        serve(on_loopback(), host=host, port=port)
