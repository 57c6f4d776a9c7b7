"""One scenario, interrupted at one point, and what the data dir is like afterwards."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from assistant.errors import AssistantError
from assistant.store.writer import open_writer
from tests.faults import durability
from tests.faults.observing import State, files_of, holders_of, observed
from tests.faults.outside import outside_faults
from tests.faults.scenarios import NEXT_BACKUP, OUTSIDE, SCENARIOS, Place, prepare
from tests.faults.tracing import Fault, Point, injection, names, points, traced, was_injected

_DONE, _COMMITS, _GO = b".", b",", b"g"
_REPORTED = 3
_SET_TRACER = 0x59616D61
"""`PR_SET_PTRACER`; with -1, anybody may."""
GONE = {
    "prune": "Taxis need a reason",
    "delete": "Taxis need a reason",
    "remove a collection": "27 working days",
}
"""What no file may hold any more once a scenario is through."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    n_done: int
    """Steps that were acknowledged."""
    is_complete: bool
    is_killed: bool
    error: str
    """What was reported; empty without an error."""
    is_expected: bool
    """Whether that was an error for people, not an accident."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An uninterrupted run."""

    states: Sequence[State]
    """Before it and after each of its transactions, in order."""
    acknowledged: Sequence[int]
    """Which of the states was the latest before it, and when each step was acknowledged."""
    points: Sequence[Point]
    """Its calls that touch the data dir, in order."""


def make_template(scratch: Path) -> Place:
    """Return what every run begins with; its sources lie where they will lie in each run."""
    place, template = Place(scratch / "place"), Place(scratch / "template")
    in_child(lambda: prepare(place))
    place.root.rename(template.root)
    return template


def unsynced_steps(scenario: str, template: Place, scratch: Path) -> list[str]:
    """Run a scenario undisturbed; return what a power cut after a step could take of it."""
    place, trace = _copy(template, scratch), scratch / "trace"
    ending = _run(scenario, place, None, trace, "-e", names(durability.CALLS))
    if not (ending.is_complete and ending.n_done):
        raise RuntimeError(f"the scenario {scenario!r} fails undisturbed: {ending.error}")
    thrown_away = place.backups / f".{NEXT_BACKUP}.partial" / "catalog.sqlite"
    derived = [place.data_dir / "blocks", thrown_away]
    return durability.unsynced(trace, _tampered(scenario, place), derived=derived)


def expect(scenario: str, template: Place, scratch: Path, calls: tuple[str, ...]) -> Expected:
    """Run a scenario undisturbed, once to see its states, once to see its calls."""
    place = _copy(template, scratch)
    states = [in_child(lambda: observed(place))]
    acknowledged = [0]

    def look(said: bytes) -> None:
        states.append(in_child(lambda: observed(place)))
        if said == _DONE:
            acknowledged.append(len(states) - 1)

    _run(scenario, place, look)
    place = _copy(template, scratch)
    trace = scratch / "trace"
    ending = _run(scenario, place, None, trace, "-e", names(calls))
    if not ending.is_complete:
        raise RuntimeError(f"the scenario {scenario!r} fails undisturbed: {ending.error}")
    return Expected(states, acknowledged, list(points(trace, _tampered(scenario, place))))


def _tampered(scenario: str, place: Place) -> Path:
    return place.root if scenario in OUTSIDE else place.data_dir


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault led to."""

    has_struck: bool
    """Not if this time there were fewer calls before."""
    wrong: Sequence[str]
    """Empty if nothing is."""


def interrupt(
    scenario: str, template: Place, scratch: Path, expected: Expected, point: Point, fault: Fault
) -> Outcome:
    """Run a scenario with a fault at a point, look at what is left, and run it again."""
    place, trace = _copy(template, scratch), scratch / "trace"
    ending = _run(scenario, place, None, trace, *injection(point, fault))
    has_struck = ending.is_killed or was_injected(trace)
    return Outcome(has_struck, _wrong(scenario, place, expected, ending))


def _wrong(scenario: str, place: Place, expected: Expected, ending: Ending) -> list[str]:
    wrong = []
    if not (ending.is_complete or ending.is_killed or ending.is_expected):
        wrong.append(f"an accident is reported: {ending.error}")
    try:
        wrong += in_child(lambda: _faults(scenario, place, expected, ending))
    except RuntimeError as error:
        return [*wrong, f"it cannot be recovered: {error}"]
    again = _run(scenario, place, None)
    if not again.is_complete:
        return [*wrong, f"it cannot be done again: {again.error}"]
    return wrong + in_child(lambda: _final_faults(scenario, place, expected))


def in_child(function: Callable[[], Any]) -> Any:
    """Call a function in a process of its own and return its result, which must be JSON.

    Forked, so that imports are paid for once; what it opens and caches ends with it.

    Raises:
        RuntimeError: it failed.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read_end)
        with os.fdopen(write_end, "w", encoding="utf-8") as out:
            try:
                out.write(json.dumps({"result": function()}))
            except BaseException:  # noqa: BLE001 - all of it is told to the parent
                out.write(json.dumps({"error": traceback.format_exc()}))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as told:
        reply = json.loads(told.read())
    os.waitpid(pid, 0)
    if "error" in reply:
        raise RuntimeError(reply["error"])
    return reply["result"]


def _run(
    scenario: str,
    place: Place,
    look: Callable[[bytes], None] | None,
    trace: Path | None = None,
    *tampering: str,
) -> Ending:
    """Run a scenario in a forked process, which waits at each transaction while somebody looks."""
    ours, its = socket.socketpair()
    pid = os.fork()
    if not pid:
        try:
            ours.close()
            code = 1
            code = _child(scenario, place, its, waits=look is not None)
        finally:
            os._exit(code)
    its.close()
    n_done, said = 0, b""
    with ours, nullcontext() if trace is None else traced(pid, trace, *tampering):
        ours.sendall(_GO)
        while piece := ours.recv(1 if not said else 65536):
            if said or piece not in (_DONE, _COMMITS):
                said += piece
                continue
            n_done += piece == _DONE
            if look is not None:
                look(piece)
                ours.sendall(_GO)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return Ending(
        n_done=n_done,
        is_complete=code == 0,
        is_killed=code < 0,
        error=said.decode("utf-8", "replace"),
        is_expected=code == _REPORTED,
    )


def _child(scenario: str, place: Place, parent: socket.socket, *, waits: bool) -> int:
    """Run a scenario; what is told goes over a socket, whose calls no fault strikes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    # Where only parents may trace: strace is a sister.
    ctypes.CDLL(None).prctl(_SET_TRACER, ctypes.c_ulong(-1), 0, 0, 0)

    def done() -> None:
        parent.sendall(_DONE)
        if waits:
            parent.recv(1)

    def commits(_connection: Connection) -> None:
        parent.sendall(_COMMITS)
        parent.recv(1)

    parent.recv(1)
    if waits:
        event.listen(Engine, "commit", commits)
    try:
        SCENARIOS[scenario](place, done)
    except AssistantError as error:
        parent.sendall(str(error).encode())
        return _REPORTED
    except BaseException:  # noqa: BLE001 - all of it is told to the parent
        parent.sendall(traceback.format_exc().encode())
        return 1
    return 0


def _copy(template: Place, scratch: Path) -> Place:
    place = Place(scratch / "place")
    shutil.rmtree(place.root, ignore_errors=True)
    shutil.copytree(template.root, place.root)
    return place


def _faults(scenario: str, place: Place, expected: Expected, ending: Ending) -> list[str]:
    """Return what is wrong with a data dir as it was left, and once the next writer was there."""
    wrong = outside_faults(place, scenario if ending.n_done else None)
    left = observed(place)
    wrong += _recovered(place, left)
    if left["rejected"] and not ending.is_killed:
        return wrong  # a file that could not be read is rejected by itself, its old version stays
    first, *later = expected.acknowledged[ending.n_done :]
    allowed = expected.states[first : later[0] + 1 if later else None]
    # What the queue says may lag behind what the corpus answers, where telling it failed.
    for part in ({"queue"}, left.keys() - {"queue"}):
        now = _part(left, part)
        if now not in [_part(state, part) for state in allowed]:
            is_lost = now in [_part(state, part) for state in expected.states[:first]]
            wrong.append("what was acknowledged is lost" if is_lost else f"never to be: {now}")
    return wrong + _remains(scenario, place, is_through=left == expected.states[-1])


def _recovered(place: Place, left: State) -> list[str]:
    """Return what is wrong once the next writer was there, and once more."""
    wrong: list[str] = []
    recovered = []
    for _ in range(2):
        with open_writer(place.data_dir) as writer:
            wrong += writer.catalog.problems()
        recovered.append(files_of(place))
    if recovered[0] != recovered[1]:
        wrong.append("what is left behind goes only the second time")
    if observed(place) != left:
        wrong.append("recovering changes what is answered")
    return wrong


def _part(state: State, keys: Collection[str]) -> State:
    return {key: value for key, value in state.items() if key in keys}


def _final_faults(scenario: str, place: Place, expected: Expected) -> list[str]:
    """Return what is wrong once the scenario was done again, and well."""
    if observed(place) != expected.states[-1]:
        return [f"done again, it ends otherwise: {observed(place)}"]
    return _remains(scenario, place, is_through=True) + outside_faults(
        place, scenario, is_tidy=True
    )


def _remains(scenario: str, place: Place, *, is_through: bool) -> list[str]:
    text = GONE.get(scenario)
    if text is None or not is_through:
        return []
    return [f"deleted text is left in {file}" for file in holders_of(text, place)]
