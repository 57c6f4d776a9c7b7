"""A sample of the faults of `make faults`, and what a power cut could take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import durability

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 600
EVERY = 197
"""Prime: the sample meets every kind of call."""


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults", *options],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_no_fault_loses_what_was_acknowledged_or_leaves_anything_inconsistent() -> None:
    ended = run("--every", str(EVERY))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summed = json.loads(ended.stdout.splitlines()[-1])
    assert summed["trials"] >= 30
    assert summed["n_struck"] >= 0.8 * summed["trials"]
    assert len(summed["points"]) == 11
    for kind in ("KILL", "IO_ERROR", "DISK_FULL"):
        assert any(kind in counts for counts in summed["points"].values())


def test_every_step_is_on_the_disk_before_it_is_acknowledged() -> None:
    ended = run("--power")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {"scenarios": 11, "unsynced": 0}


def test_ingest_that_is_killed_again_and_again_ends_as_if_undisturbed() -> None:
    ended = run("--kill-ingest", "--files", "200", "--kills", "3")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summed = json.loads(ended.stdout.splitlines()[-1])
    assert summed["n_kills"] == 3
    assert summed["wrong"] == []


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], []),
        (['write(3</d/index/a>, ""..., 5) = 5'], ["bytes of /d/index/a"]),
        (['write(3</d/index/a>, ""..., 5) = 5', "fsync(3</d/index/a>) = 0"], []),
        (['write(3</d/index/a>, ""..., 5) = -1 EIO (Input/output error)'], []),
        (['write(3</d/blocks/1/a>, ""..., 5) = 5', 'write(4</tmp/a>, ""..., 5) = 5'], []),
        (
            [
                'write(3</d/index/a>, ""..., 5) = 5',
                'rename("/d/index/a", "/d/index/b") = 0',
                "fsync(4</d/index>) = 0",
            ],
            ["bytes of /d/index/b"],
        ),
        (
            [
                'write(3</d/index/a>, ""..., 5) = 5',
                "fsync(3</d/index/a>) = 0",
                'rename("/d/index/a", "/d/index/b") = 0',
            ],
            ["a new name in /d/index"],
        ),
        (['mkdir("/d/originals/00", 0777) = 0'], ["a new folder in /d/originals"]),
    ],
)
def test_unsynced_names_what_a_power_cut_could_take(
    tmp_path: Path, calls: list[str], expected: list[str]
) -> None:
    acknowledged = 'sendto(5<socket:[1]>, ""..., 1, 0, NULL, 0) = 1'
    trace = tmp_path / "trace"
    trace.write_text("".join(f"42 {call}\n" for call in [*calls, acknowledged, acknowledged]))
    assert durability.unsynced(trace, Path("/d"), derived=[Path("/d/blocks")]) == expected
