"""A server of the chat API as a child on loopback, and one streamed request to it."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evals.benchmarks.types import NeedMissingError
from models.waiting import library_defaults

_HOST = "127.0.0.1"
_NEEDED = ("fastapi", "pydantic_settings", "sse_starlette", "starlette_context", "uvicorn")
_START_TIMEOUT_S = 120.0
_POLL_S = 0.1
_REQUEST_TIMEOUT_S = 900.0
_LAST_CHARS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request came to."""

    first_token_s: float
    """From asking to the first piece of text."""
    tokens: int
    ended_s: float
    """`time.perf_counter` at its end."""


def llama_server_command(model: Path, *, threads: int, context_tokens: int) -> list[str]:
    """Return the command of llama-cpp-python's own server, set up as Plinth's generator is.

    The port is still to be added. What waits must not interrupt what runs: by default a new
    request cuts the streamed reply of the one before.

    Raises:
        NeedMissingError: what it needs is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NeedMissingError(
            f"the server of llama-cpp-python needs {', '.join(missing)}; "
            "install them with `pip install 'plinth[bench]'`"
        )
    options = {
        "model": model,
        "n_ctx": context_tokens,
        "n_threads": threads,
        "n_threads_batch": threads,
        "n_batch": 512,
        "flash_attn": "true",
        "interrupt_requests": "false",
        "host": _HOST,
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "llama_cpp.server", *flags]


@contextmanager
def open_server(command: Sequence[str]) -> Iterator[int]:
    """Start a server and wait until it listens; yield its port. It ends with the context.

    Args:
        command: Takes `--port`.

    Raises:
        NeedMissingError: it ended, or did not listen in time; the message quotes what it said.
    """
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port = int(free.getsockname()[1])
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=said, stderr=said, env=library_defaults()
        )
        try:
            until_s = time.monotonic() + _START_TIMEOUT_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until_s:
                    said.seek(0)
                    last = said.read().decode("utf-8", errors="replace")[-_LAST_CHARS:]
                    raise NeedMissingError(f"the server to compare with did not start: {last}")
                time.sleep(_POLL_S)
            yield port
        finally:
            process.kill()
            process.wait()


def ask_server(port: int, *, system: str, user: str, max_tokens: int) -> Reply:
    """Stream one greedy reply; every piece of text counts as a token, as that server sends them.

    Raises:
        NeedMissingError: the server refused.
    """
    body = {
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
    }
    asked_s = time.perf_counter()
    first_s, tokens = None, 0
    connection = http.client.HTTPConnection(_HOST, port, timeout=_REQUEST_TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise NeedMissingError(f"the server to compare with said {response.status}")
        for line in response:
            if _has_text(line):
                first_s = time.perf_counter() if first_s is None else first_s
                tokens += 1
    finally:
        connection.close()
    ended_s = time.perf_counter()
    return Reply(
        first_token_s=(ended_s if first_s is None else first_s) - asked_s,
        tokens=tokens,
        ended_s=ended_s,
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _has_text(line: bytes) -> bool:
    kind, _, data = line.strip().partition(b":")
    if kind != b"data" or not data.strip().startswith(b"{"):
        return False
    return bool(json.loads(data)["choices"][0]["delta"].get("content"))
