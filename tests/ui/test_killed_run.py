"""A run whose process is killed at several points and continued ends as one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assistant.store.catalog import open_catalog
from assistant.store.runs import Runs
from evals.runs import find_run, list_runs
from tests.evals.replies import lasting
from tests.ui.conftest import Plinth
from tests.waiting import wait_until
from ui.cli.niceness import NICENESS

REAL = "smollm2-135m-instruct"
LIMIT_S = 300
COSTS = {
    *("ttft_ms_p50", "ttft_ms_p95", "total_ms_p50", "total_ms_p95", "tokens_per_second"),
    *("prompt_tokens_computed", "peak_memory_mb", "joules", "intervals"),
}
ASKED = (
    ("How many days of annual leave do employees receive in year {}?", "25 days"),
    ("What is the hotel limit for night {}?", "120 euros"),
    ("Is parking free for visitor {}?", "Parking is free for visitors"),
    ("Who may use helicopter {}?", ""),
)


def make_suite(path: Path, n_cases: int) -> Path:
    rows = []
    for number in range(n_cases):
        question, gold = ASKED[number % len(ASKED)]
        rows.append(f"{question.format(number)},{gold},,")
    path.write_text("\n".join(["question,answer,document,page", *rows, ""]), encoding="utf-8")
    return path


def start(suite: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ui.cli.main", "eval", "run", str(suite), "--json"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    )


def finish(suite: Path) -> dict[str, Any]:
    with start(suite) as process:
        printed, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(printed)
    return told


def has_replies(runs: Runs, least: int) -> bool:
    return n_replies(runs) >= least


def n_replies(runs: Runs) -> int:
    return sum(run.n_replies for run in list_runs(runs) if run.finished is None)


def kill_at(suite: Path, runs: Runs, points: Sequence[int]) -> None:
    """Start the run again and again, and kill it once it has so many replies, or one more."""
    for point in points:
        least = max(point, n_replies(runs) + 1)
        with start(suite) as process:
            wait_until(partial(has_replies, runs, least), LIMIT_S)
            lowered = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == lowered
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=LIMIT_S)
        assert process.returncode == -signal.SIGKILL


def all_replies(runs: Runs, run_id: str, suite: str) -> dict[str, Any]:
    replies = find_run(runs, run_id).replies(suite)
    return {case: lasting(reply) for case, reply in replies.items()}


@pytest.mark.parametrize(
    ("generator", "n_cases", "points"),
    [
        ("fake-generator", 200, (1, 2, 60, 150)),
        pytest.param(REAL, 6, (2,), marks=[pytest.mark.model]),
    ],
)
@pytest.mark.slow
def test_run_survives_being_killed_and_ends_as_if_it_had_not_been(
    asking: Plinth,
    data_dir: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    generator: str,
    n_cases: int,
    points: tuple[int, ...],
) -> None:
    if generator == REAL:
        request.getfixturevalue("weights")(f"{REAL}/SmolLM2-135M-Instruct.Q4_1.gguf")
        settings = data_dir / "plinth.toml"
        text = settings.read_text("utf-8").replace("fake-generator", REAL)
        settings.write_text(text.replace("[models]", '[models]\nfitted = "off"'), "utf-8")
    suite = make_suite(tmp_path / "many.csv", n_cases)
    with open_catalog(data_dir) as catalog:
        undisturbed = finish(suite)
        kill_at(suite, catalog.runs, points)
        disturbed = finish(suite)
        assert len(list_runs(catalog.runs)) == 2
        killed = find_run(catalog.runs, disturbed["run"])
        assert disturbed["run"] != undisturbed["run"]
        assert len(killed.starts) == len(points) + 1
        # No case was asked again of which a reply was kept: each came once, then the end.
        assert killed.state == n_cases + 1
        replies = [
            all_replies(catalog.runs, told["run"], "many") for told in (undisturbed, disturbed)
        ]
        assert len(replies[0]) == n_cases
        assert replies[0] == replies[1]
        assert list(replies[0]) == list(replies[1])
    figures = [told["suites"]["many"] for told in (undisturbed, disturbed)]
    for name in figures[0].keys() - COSTS:
        assert figures[0][name] == figures[1][name], name
