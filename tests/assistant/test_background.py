from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assistant.background import MOST_RESTARTS, behind_people
from assistant.cancellation import Cancellation
from assistant.errors import QuestionCancelledError
from assistant.waiting_line import WaitingLine
from tests.waiting import wait_until

LIMIT_S = 20.0


class Work:
    """Computes until it is let go or stopped."""

    def __init__(self) -> None:
        self.n_begun = 0
        self.has_begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def __call__(self, cancellation: Cancellation) -> int:
        self.n_begun += 1
        over = threading.Event()
        cancellation.stops(over.set)
        self.has_begun.release()
        wait_until(lambda: over.is_set() or self.may_end.is_set())
        cancellation.check()
        return self.n_begun


@pytest.fixture
def line() -> WaitingLine:
    return WaitingLine(n_at_a_time=4, most_waiting=9, most_waiting_each=9)


def ask(line: WaitingLine) -> None:
    """Ask as a person does, whose answer takes no time."""
    ticket = line.ticket("ann")
    ticket.wait(Cancellation(), lambda _: None)
    ticket.end()


def test_work_gives_way_to_people_and_begins_again(line: WaitingLine) -> None:
    work = Work()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(behind_people, line, "run", Cancellation(), work)
        assert work.has_begun.acquire(timeout=LIMIT_S)
        ask(line)  # returns, though the work would never end
        assert work.has_begun.acquire(timeout=LIMIT_S)
        work.may_end.set()
        assert done.result(LIMIT_S) == 2


def test_work_that_gave_way_too_often_goes_to_its_end(line: WaitingLine) -> None:
    work = Work()
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(behind_people, line, "run", Cancellation(), work)
        for _ in range(MOST_RESTARTS):
            assert work.has_begun.acquire(timeout=LIMIT_S)
            ask(line)
        assert work.has_begun.acquire(timeout=LIMIT_S)
        asked = pool.submit(ask, line)
        wait_until(lambda: line.n_waiting == 1)
        assert not done.done()
        work.may_end.set()
        assert done.result(LIMIT_S) == MOST_RESTARTS + 1
        asked.result(LIMIT_S)


@pytest.mark.parametrize("is_begun", [True, False])
def test_work_is_stopped_for_good_while_it_waits_or_computes(
    line: WaitingLine, is_begun: bool
) -> None:
    work, stop = Work(), Cancellation()
    held = line.ticket("ann")
    if not is_begun:
        held.wait(Cancellation(), lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(behind_people, line, "run", stop, work)
        if is_begun:
            assert work.has_begun.acquire(timeout=LIMIT_S)
        stop.cancel()
        with pytest.raises(QuestionCancelledError):
            done.result(LIMIT_S)
    held.end()
    assert work.n_begun == is_begun
    ask(line)


def test_work_that_fails_leaves_the_line(line: WaitingLine) -> None:
    def fail(_: Cancellation) -> None:
        raise ValueError("crash")

    with pytest.raises(ValueError, match="crash"):
        behind_people(line, "run", Cancellation(), fail)
    ask(line)
