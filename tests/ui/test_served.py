"""The web app as a process, asked in tabs, and what kill -9 of each of its processes costs."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evals.benchmarks.types import NeedMissingError, Waited
from tests.waiting import wait_until
from ui.served import ServedApp, served

LIMIT_S = 120
TOKEN = "of sixteen characters"
STAND_INS = {"generator": "fake-generator", "embedder": "fake-embedder"}
QUESTION = "How many days of annual leave do employees receive?"
LONG = "Write down all that the documents say about leave, travel and parking, in full sentences."


@pytest.fixture
def served_stand_ins(folder: Path) -> Iterator[ServedApp]:
    with served(folder, people=["ann", "bob"], models=STAND_INS) as app:
        yield app


def commands_below(pid: int) -> dict[int, str]:
    """Return the processes that a process has started, and theirs, with their command lines."""
    found: dict[int, str] = {}
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        for task in Path("/proc", str(pid), "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # or a thread of it
                for child in map(int, (task / "children").read_text().split()):
                    line = Path("/proc", str(child), "cmdline").read_bytes().replace(b"\0", b" ")
                    found |= {child: line.decode()} | commands_below(child)
    return found


def process_of(app: ServedApp, what: str) -> int | None:
    pids = [pid for pid, line in commands_below(app.process_id).items() if what in line]
    return pids[0] if pids else None


def killed(app: ServedApp, what: str) -> int:
    pid = process_of(app, what)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def test_people_ask_in_tabs_and_waits_are_told(served_stand_ins: ServedApp) -> None:
    app = served_stand_ins

    async def ask(person: str) -> list[str]:
        async with asyncio.timeout(LIMIT_S), app.open_tab(person) as tab:
            # Nobody's question may be answered from memory: it would not wait.
            return [await tab.ask(f"{QUESTION} {person} {number}") for number in range(2)]

    async def both() -> list[list[str]]:
        return await asyncio.gather(ask("ann"), ask("bob"))

    assert asyncio.run(both()) == [["", ""], ["", ""]]
    waits: list[Waited] = []
    wait_until(lambda: waits.extend(app.new_waits()) or len(waits) >= 4)  # logged a little later
    assert len(waits) == 4
    assert all(one.in_line_s >= 0 and one.turn_s > 0 for one in waits)
    assert app.new_waits() == ()
    usage = app.usage()
    assert usage.memory_bytes > 50e6
    assert usage.n_handles > 10
    assert usage.n_threads > 3


def test_ingest_process_that_is_killed_is_started_again(
    served_stand_ins: ServedApp,
) -> None:
    app = served_stand_ins
    wait_until(lambda: process_of(app, "ui.cli.main work"))
    first = killed(app, "ui.cli.main work")
    wait_until(lambda: process_of(app, "ui.cli.main work") not in (None, first))


def test_processes_of_a_killed_server_end_with_it(served_stand_ins: ServedApp) -> None:
    app = served_stand_ins
    wait_until(lambda: process_of(app, "ui.cli.main work"))
    below = commands_below(app.process_id)
    os.kill(app.process_id, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in below if _runs(pid)])
    with pytest.raises(NeedMissingError, match="the server ended"):
        app.usage()


def test_server_that_does_not_come_up_is_said(folder: Path) -> None:
    models = {"generator": "fake-generator", "embedder": "no-such-model"}
    with (
        pytest.raises(NeedMissingError, match="no-such-model"),
        served(folder, people=["ann"], models=models),
    ):
        pass


@pytest.mark.model
@pytest.mark.slow
def test_killed_model_costs_no_answer_and_a_crash_loop_is_refused_clearly(
    folder: Path, weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")
    models = {"generator": "smollm2-135m-instruct", "embedder": "fake-embedder", "fitted": "off"}

    monkeypatch.setenv("PLINTH_MONITORING__TOKEN", TOKEN)
    generator = "models.llama.process"

    numbers = itertools.count()

    async def notice_of(app: ServedApp, act: Callable[[], object]) -> str:
        async with asyncio.timeout(LIMIT_S), app.open_tab("ann") as tab:
            # The number keeps it from being answered from memory.
            asked = asyncio.create_task(tab.ask(f"{LONG} ({next(numbers)})"))
            await asyncio.to_thread(act)
            return await asked

    with served(folder, people=["ann"], models=models) as app:
        first = process_of(app, generator)

        def kill_once() -> None:
            wait_until(lambda: metric(app, "plinth_questions_under_way"))
            killed(app, generator)

        assert asyncio.run(notice_of(app, kill_once)) == ""
        assert process_of(app, generator) not in (None, first)
        assert metric(app, "plinth_generator_deaths_total") == 1

        is_enough = threading.Event()

        def kill_all() -> None:
            while not is_enough.wait(0.05):
                if process_of(app, generator) is not None:
                    killed(app, generator)

        killer = threading.Thread(target=kill_all)
        killer.start()
        notices = []
        try:
            while not notices or "times in a row" not in notices[-1]:
                notices.append(asyncio.run(notice_of(app, lambda: None)))
                assert len(notices) < 10
        finally:
            is_enough.set()
            killer.join()
        assert all("tell an admin" in one for one in notices)


def metric(app: ServedApp, name: str) -> float:
    request = urllib.request.Request(
        f"{app.url}/plinth/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=LIMIT_S) as reply:
        found = re.search(rf"^{name} (\S+)$", reply.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def _runs(pid: int) -> bool:
    try:
        status = Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # ended, and its parent has not asked yet
