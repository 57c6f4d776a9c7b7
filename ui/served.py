"""The web app as a process of its own, with people who are signed in and tabs to ask in."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException

from assistant.settings import SignInSettings
from assistant.store.catalog import open_catalog
from evals.benchmarks.types import NeedMissingError, TabError, Usage, Waited
from ui.addresses import link_address
from ui.settings import load_settings
from ui.tab import Tab, open_tab, sign_in
from ui.web.access_rules import HEALTH_PATH

PROJECT = Path(__file__).resolve().parents[1]
COLLECTION, GROUP = "documents", "everybody"
LOADED_S = 120.0
END_S = 30.0
POLL_S = 0.2
_PLINTH = [sys.executable, "-P", "-m", "ui.cli.main"]


class ServedTab:
    """An `evals.benchmarks.types.AskTab`."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    async def ask(self, question: str) -> str:
        """Ask, and return why there is no reply."""
        with _as_tab_error():
            return (await self._tab.ask(question)).notice


class ServedApp:
    """An `evals.benchmarks.types.OpenedWebApp`.

    Attributes:
        url: Its origin, without a slash at the end.
    """

    def __init__(
        self,
        url: str,
        process: subprocess.Popen[bytes],
        log: Path,
        cookies: Mapping[str, str],
        n_at_a_time: int,
    ) -> None:
        self.url = url
        self._process = process
        self._log = log
        self._cookies = cookies
        self._n_at_a_time = n_at_a_time
        self._n_read = 0

    @property
    def process_id(self) -> int:
        """Of the server."""
        return self._process.pid

    @property
    def n_at_a_time(self) -> int:
        """Answers under way together."""
        return self._n_at_a_time

    @asynccontextmanager
    async def open_tab(self, person: str) -> AsyncIterator[ServedTab]:
        """Open the page Ask."""
        async with AsyncExitStack() as stack:
            with _as_tab_error():
                tab = await stack.enter_async_context(open_tab(self.url, self._cookies[person]))
            yield ServedTab(tab)

    def new_waits(self) -> tuple[Waited, ...]:
        """Return what the log says of questions since the last call."""
        with self._log.open("rb") as log:
            log.seek(self._n_read)
            lines = log.read().split(b"\n")
        self._n_read += sum(len(line) + 1 for line in lines[:-1])
        told = (json.loads(line) for line in lines[:-1] if line.startswith(b"{"))
        return tuple(
            Waited(in_line_s=one["in_line_ms"] / 1000, turn_s=one["turn_ms"] / 1000)
            for one in told
            if "turn_ms" in one
        )

    def usage(self) -> Usage:
        """Look at the server and all processes below it."""
        if self._process.poll() is not None:
            raise NeedMissingError(f"the server ended: {_last_lines(self._log)}")
        processes = [Path("/proc", str(pid)) for pid in _family(self._process.pid)]
        return Usage(
            memory_bytes=sum(_own_bytes(one) for one in processes),
            n_handles=sum(len(list((one / "fd").iterdir())) for one in processes),
            n_threads=sum(len(list((one / "task").iterdir())) for one in processes),
        )


@contextmanager
def _as_tab_error() -> Iterator[None]:
    try:
        yield
    except (OSError, WebSocketException) as error:
        raise TabError(f"the server does not answer a tab ({error!r})") from error


@contextmanager
def served(
    folder: Path, *, people: Sequence[str], models: Mapping[str, object]
) -> Iterator[ServedApp]:
    """Take documents in and serve them to these people until the block ends.

    Args:
        folder: Of the documents.
        people: Names of new people, who may read all of them.
        models: Settings of the section of that name.

    Raises:
        NeedMissingError: the documents are not taken in, or the server does not come up.
    """
    with TemporaryDirectory(prefix="plinth-bench-") as made:
        data_dir, log = Path(made, "data"), Path(made, "log")
        environ = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "PLINTH_DATA_DIR": str(data_dir),
            **{f"PLINTH_MODELS__{name.upper()}": str(value) for name, value in models.items()},
        }
        _run([*_PLINTH, "ingest", str(folder), "--collection", COLLECTION], environ)
        url = f"http://127.0.0.1:{_free_port()}"
        links = _add_people(data_dir, people, url)
        command = [*_PLINTH, "serve", "--port", str(urlsplit(url).port)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            wait_until_loaded(url, process, log)
            cookies = {name: sign_in(link) for name, link in links.items()}
            parallel = load_settings(data_dir).models.parallel
            yield ServedApp(url, process, log, cookies, parallel)
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _add_people(data_dir: Path, people: Sequence[str], url: str) -> dict[str, str]:
    """Return a sign-in link for each."""
    with open_catalog(data_dir) as catalog:
        editor = catalog.edit_people("bench")
        editor.add_group(GROUP)
        editor.grant(COLLECTION, GROUP)
        accounts = catalog.accounts(SignInSettings())
        links = {}
        for name in people:
            editor.add_user(name, groups=[GROUP])
            links[name] = link_address(url, accounts.make_link(name, by="bench"))
        return links


def _run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NeedMissingError(f"documents are not taken in: {done.stderr.strip()[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_loaded(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server's models are ready.

    Args:
        url: Its origin.
        process: In which it runs.
        log: Where it writes to.

    Raises:
        NeedMissingError: it ended, or takes too long; the message has its last lines.
    """
    last_s = time.monotonic() + LOADED_S
    while process.poll() is None and time.monotonic() < last_s:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=END_S)
        try:
            connection.request("GET", HEALTH_PATH)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:  # it does not listen yet
            pass
        finally:
            connection.close()
        time.sleep(POLL_S)
    raise NeedMissingError(f"the server does not come up: {_last_lines(log)}")


def _last_lines(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-500:]


def _family(pid: int) -> list[int]:
    """Return a process and all below it."""
    family = [pid]
    for one in family:
        for task in Path("/proc", str(one), "task").iterdir():
            family += map(int, (task / "children").read_text(encoding="ascii").split())
    return family


def _own_bytes(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise NeedMissingError(f"{process} does not say how much memory it has; this needs Linux")
