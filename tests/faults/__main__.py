"""Every fault at every point of every scenario: `make faults`, or a sample of them.

    python -m tests.faults [--every N] [--scenario NAME] [--fault NAME] [--power]
    python -m tests.faults --kill-ingest [--files 2000] [--kills 10] [--seed 0]

Prints what was tried and everything that was wrong; ends with 1 where anything was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before any library counts the cores

from tests.faults.killed_ingest import kill_ingest
from tests.faults.running import Expected, expect, interrupt, make_template, unsynced_steps
from tests.faults.scenarios import SCENARIOS
from tests.faults.tracing import CHANGING, READING, WRITING, Fault, Point

CALLS = {Fault.KILL: CHANGING, Fault.IO_ERROR: CHANGING + READING, Fault.DISK_FULL: WRITING}
FAULT_NAMES = {"kill": Fault.KILL, "io": Fault.IO_ERROR, "full": Fault.DISK_FULL}


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault at one point."""

    scenario: str
    fault: Fault
    point: Point


def main() -> int:
    """Try what the command line asks for and return the exit code."""
    options = _options()
    scenarios = options.scenario or list(SCENARIOS)
    if options.power:
        return _cut_power(scenarios)
    if options.kill_ingest:
        return _kill_ingest(options)
    faults = [FAULT_NAMES[name] for name in options.fault or FAULT_NAMES]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="plinth-faults-") as folder:
        scratch = Path(folder)
        template = make_template(scratch)
        expected = {one: expect(one, template, scratch, CHANGING + READING) for one in scenarios}
        trials = list(_trials(expected, faults))[options.first :: options.every]
        outcomes = []
        for trial in trials:
            seen = expected[trial.scenario]
            outcome = interrupt(trial.scenario, template, scratch, seen, trial.point, trial.fault)
            outcomes.append(outcome)
            for one in outcome.wrong:
                _say(trial, one)
    n_wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    summed = {
        "trials": len(trials),
        "n_struck": sum(outcome.has_struck for outcome in outcomes),
        "wrong": n_wrong,
        "seconds": round(time.monotonic() - began_s),
        "points": _counts(trials),
    }
    print(json.dumps(summed))
    return 1 if n_wrong else 0


def _cut_power(scenarios: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="plinth-faults-") as folder:
        scratch = Path(folder)
        template = make_template(scratch)
        n_unsynced = 0
        for scenario in scenarios:
            for one in unsynced_steps(scenario, template, scratch):
                n_unsynced += 1
                print(f"{scenario}: acknowledged before the disk had it: {one}")
    print(json.dumps({"scenarios": len(scenarios), "unsynced": n_unsynced}))
    return 1 if n_unsynced else 0


def _kill_ingest(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="plinth-faults-") as folder:
        killed = kill_ingest(
            Path(folder), n_files=options.files, n_kills=options.kills, seed=options.seed
        )
    print(json.dumps(asdict(killed)))
    return 1 if killed.wrong else 0


def _trials(expected: dict[str, Expected], faults: Sequence[Fault]) -> Iterator[Trial]:
    for scenario, seen in expected.items():
        for fault in faults:
            for point in seen.points:
                if point.name in CALLS[fault]:
                    yield Trial(scenario, fault, point)


def _say(trial: Trial, wrong: str) -> None:
    point = trial.point
    print(f"{trial.scenario}: {trial.fault.name} at {point.name} {point.n}, {point.text}")
    print(f"    {wrong}", flush=True)


def _counts(trials: Sequence[Trial]) -> dict[str, dict[str, int]]:
    return {
        scenario: {
            fault.name: n
            for fault in Fault
            if (n := sum(t.scenario == scenario and t.fault is fault for t in trials))
        }
        for scenario in dict.fromkeys(trial.scenario for trial in trials)
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="every n-th trial only")
    parser.add_argument("--first", type=int, default=0, help="the trial to begin with")
    parser.add_argument("--power", action="store_true", help="what a power cut could take")
    parser.add_argument("--kill-ingest", action="store_true", help="an ingest, killed at random")
    parser.add_argument("--files", type=int, default=2000, help="that are taken in")
    parser.add_argument("--kills", type=int, default=10, help="of its process")
    parser.add_argument("--seed", type=int, default=0, help="of files and moments")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--fault", action="append", choices=list(FAULT_NAMES))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
