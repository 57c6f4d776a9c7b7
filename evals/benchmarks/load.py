"""`load` and `load-model`: many people ask at a time, for minutes, in tabs of the real web app.

It measures whether it stays up: how long questions wait, against the documented rule; how many
fail; whether memory, descriptors and threads stay as they were once it is warm; and whether
somebody who asks much more than others makes them wait longer than themselves.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from evals.benchmarks.types import (
    LEAST_ROUNDS,
    Conditions,
    NeedMissingError,
    OpenedWebApp,
    Quantity,
    Rounds,
    TabError,
    Usage,
    Waited,
    Workbench,
)

SECONDS = "PLINTH_BENCH_SECONDS"
"""Sets how long each of them lasts, the time until it is warm included."""
WARM_PART = 1 / 5
QUESTIONS_PER_TAB = 3
"""Then it is closed, and another one opened."""
PAUSE_S = 0.5
"""Between two questions of a tab, on average."""
REFUSED_PAUSE_S = 2.0
HEAVY = "heavy"
"""Who asks in a quarter of all tabs."""
N_DOCUMENTS = 120
N_DAYS = 6
DEPOTS = ("Gdynia", "Aarhus", "Porto", "Bremen", "Turku", "Lorient", "Split", "Varna")
_REFUSED = "wait already"
_LEAST_S = 0.001


class Load:
    """Simultaneous askers on the web app.

    Args:
        name: Of the benchmark.
        generator: Name of the model that answers.
        n_askers: Tabs that ask at any time.
        seconds: How long, unless the environment says otherwise.
    """

    quantities = (
        Quantity(name="wait", unit="s in line, p95", higher_is_better=False, gate=1.0),
        Quantity(name="replies", unit="of 100 not refused", higher_is_better=True, gate=1.0),
        Quantity(name="fair", unit="s, median", higher_is_better=False, gate=0.7),
        Quantity(name="memory", unit="MB", higher_is_better=False, gate=0.9),
        Quantity(name="handles", unit="open", higher_is_better=False, gate=0.9),
        Quantity(name="threads", unit="running", higher_is_better=False, gate=0.8),
    )

    def __init__(self, name: str, *, generator: str, n_askers: int, seconds: float) -> None:
        self.name = name
        self.title = (
            f"{n_askers} simultaneous askers in the web app with {generator}: the documented "
            "bounds, and what the server needs once it is warm, against what it comes to"
        )
        self._generator = generator
        self._n_askers = n_askers
        self._seconds = seconds

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Serve documents of our own, and ask until it is warm."""
        try:
            seconds = float(os.environ.get(SECONDS) or self._seconds)
        except ValueError as error:
            raise NeedMissingError(f"{SECONDS} is no number of seconds: {error}") from error
        n_heavy = self._n_askers // 4
        people = [HEAVY] * n_heavy
        people += [f"light-{number}" for number in range(self._n_askers - n_heavy)]
        with TemporaryDirectory(prefix="plinth-bench-") as folder:
            _write_documents(Path(folder))
            with workbench.open_web_app(
                Path(folder), people=sorted(set(people)), generator=self._generator
            ) as app:
                rounds = _LoadRounds(app, people, seconds)
                rounds.warm_up()
                yield rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One question as its asker saw it."""

    person: str
    seconds: float
    notice: str
    """Why there was no reply; empty if there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    asked: Sequence[_Asked]
    waited: Sequence[Waited]
    usage: Usage


class _LoadRounds:
    def __init__(self, app: OpenedWebApp, people: Sequence[str], seconds: float) -> None:
        self._app = app
        self._people = people
        self._warm_s = seconds * WARM_PART
        self._round_s = (seconds - self._warm_s) / LEAST_ROUNDS
        self._warm: Usage | None = None
        self._rounds: list[_Round] = []
        self._chance = random.Random(0)

    @property
    def conditions(self) -> Conditions:
        asked = [one for part in self._rounds for one in part.asked]
        replied = [one.seconds for one in asked if not one.notice]
        n_refused = sum(_REFUSED in one.notice for one in asked)
        in_line = [one.in_line_s for part in self._rounds for one in part.waited]
        usages = [self._warm, *(part.usage for part in self._rounds)]
        memory = [one.memory_bytes / 1e6 for one in usages if one is not None]
        return {
            "askers": f"{len(self._people)} tabs, {self._people.count(HEAVY)} of them of one "
            f"person; each is closed after {QUESTIONS_PER_TAB} questions",
            "questions": f"{len(replied)} with a reply, {n_refused} refused, "
            f"{len(asked) - len(replied) - n_refused} failed",
            "in line": _quantiles(in_line),
            "reply": f"{_quantiles(replied)} as the page shows it",
            "wait": "baseline: (questions that wait / answers at a time + 1) x longest answer",
            "fair": f"baseline: who asks in {self._people.count(HEAVY)} tabs; Plinth: the others",
            "memory": "MB when warm and after each round: "
            + ", ".join(f"{one:.0f}" for one in memory)
            + f"; {_slope(memory, self._round_s / 60):+.2f} MB a minute",
            "handles": "the same: " + ", ".join(str(one.n_handles) for one in usages if one),
            "threads": "the same: " + ", ".join(str(one.n_threads) for one in usages if one),
            "seconds": f"{self._warm_s:.0f} until it was warm, then {self._round_s:.0f} a round",
        }

    def warm_up(self) -> None:
        """Ask until caches and pools are what they will be."""
        self._warm = self._ask_for(self._warm_s).usage

    def baseline(self, round_index: int) -> Mapping[str, float]:
        part, warm = self._round(round_index), self._warm
        assert warm is not None
        n_before = max(1, len(self._people) - self._app.n_at_a_time)
        longest_s = max((one.turn_s for one in part.waited), default=0.0)
        return {
            "wait": max(_LEAST_S, (n_before / self._app.n_at_a_time + 1) * longest_s),
            "replies": 100.0,
            "fair": _median_s(part.asked, heavy=True),
            "memory": warm.memory_bytes / 1e6,
            "handles": warm.n_handles,
            "threads": warm.n_threads,
        }

    def plinth(self, round_index: int) -> Mapping[str, float]:
        part = self._round(round_index)
        allowed = [one for one in part.asked if _REFUSED not in one.notice]
        replied = [one for one in allowed if not one.notice]
        in_line = [one.in_line_s for one in part.waited]
        return {
            "wait": max(_LEAST_S, float(np.percentile(in_line, 95)) if in_line else 0.0),
            "replies": max(_LEAST_S, 100 * len(replied) / max(1, len(allowed))),
            "fair": _median_s(part.asked, heavy=False),
            "memory": part.usage.memory_bytes / 1e6,
            "handles": part.usage.n_handles,
            "threads": part.usage.n_threads,
        }

    def _round(self, round_index: int) -> _Round:
        """Return a round, which whichever side comes first begins."""
        if round_index == len(self._rounds):
            self._rounds.append(self._ask_for(self._round_s))
        return self._rounds[round_index]

    def _ask_for(self, seconds: float) -> _Round:
        asked: list[_Asked] = []
        until_s = time.monotonic() + seconds

        async def ask_all() -> None:
            async with asyncio.TaskGroup() as group:
                for person in self._people:
                    group.create_task(self._ask(person, until_s, asked))

        self._app.new_waits()
        asyncio.run(ask_all())
        if not asked:
            raise NeedMissingError(f"no question ended in {seconds:g} s; give more in {SECONDS}")
        return _Round(asked=asked, waited=self._app.new_waits(), usage=self._app.usage())

    async def _ask(self, person: str, until_s: float, asked: list[_Asked]) -> None:
        """Ask in one tab after another until the time is over; what is begun is waited for."""
        while (opened_s := time.monotonic()) < until_s:
            try:
                await self._ask_in_tab(person, until_s, asked)
            except TabError as error:
                seconds = time.monotonic() - opened_s
                asked.append(_Asked(person=person, seconds=seconds, notice=str(error)))

    async def _ask_in_tab(self, person: str, until_s: float, asked: list[_Asked]) -> None:
        async with self._app.open_tab(person) as tab:
            for _ in range(QUESTIONS_PER_TAB):
                await asyncio.sleep(self._chance.uniform(0, 2 * PAUSE_S))
                if time.monotonic() >= until_s:
                    return
                began_s = time.monotonic()
                notice = await tab.ask(self._question())
                seconds = time.monotonic() - began_s
                asked.append(_Asked(person=person, seconds=seconds, notice=notice))
                if notice:
                    await asyncio.sleep(REFUSED_PAUSE_S)

    def _question(self) -> str:
        depot, week = self._chance.choice(DEPOTS), self._chance.randrange(N_DOCUMENTS)
        day, order = self._chance.randrange(N_DAYS), self._chance.randrange(10**9)
        # The number makes it one that was not asked before.
        return f"How many pallets did depot {depot} take in on day {day} of week {week}? ({order})"


def _write_documents(folder: Path) -> None:
    for week in range(N_DOCUMENTS):
        depot = DEPOTS[week % len(DEPOTS)]
        lines = [
            f"On day {day} of week {week}, depot {depot} took in {100 + 7 * day + week} pallets."
            for day in range(N_DAYS)
        ]
        text = f"# Depot {depot}, week {week}\n\n" + " ".join(lines) + "\n"
        (folder / f"week-{week:03}.md").write_text(text, encoding="utf-8")


def _median_s(asked: Sequence[_Asked], *, heavy: bool) -> float:
    replied = [one.seconds for one in asked if (one.person == HEAVY) == heavy and not one.notice]
    return max(_LEAST_S, float(np.median(replied))) if replied else _LEAST_S


def _quantiles(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    half, most = np.percentile(seconds, (50, 95))
    return f"{half:.2f} s for half, {most:.2f} s for 19 of 20, {max(seconds):.2f} s at most"


def _slope(values: Sequence[float], minutes: float) -> float:
    """Return by how much values at equal distances grow a minute, by least squares."""
    return float(np.polyfit(np.arange(len(values)) * minutes, values, 1)[0])
