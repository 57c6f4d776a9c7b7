from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.cancellation import Cancellation
from assistant.errors import QuestionCancelledError, TooManyQuestionsError
from assistant.waiting_line import InLine, Ticket, WaitingLine

LIMIT_S = 20.0


def line(n_at_a_time: int = 1, most_waiting: int = 99, most_waiting_each: int = 99) -> WaitingLine:
    return WaitingLine(
        n_at_a_time=n_at_a_time, most_waiting=most_waiting, most_waiting_each=most_waiting_each
    )


def joined(waiting: WaitingLine, whose: str) -> list[Ticket]:
    """Return tickets that wait, one for each letter."""
    tickets = [waiting.ticket(who) for who in whose]
    for ticket in tickets:
        waiting.join(ticket)
    return tickets


def order_of(waiting: WaitingLine, tickets: Sequence[Ticket]) -> str:
    """Serve one after the other and return whose they are."""
    left, order = list(tickets), ""
    while left:
        (ticket,) = [one for one in left if waiting.begin(one) is None]
        left.remove(ticket)
        order += ticket.who
        waiting.release(ticket, 1.0)
    return order


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("a", "a"),
        ("abc", "abc"),
        ("aaab", "abaa"),
        ("aaaabbc", "abcabaa"),
        ("abab", "abab"),
    ],
)
def test_people_take_turns(asked: str, served: str) -> None:
    waiting = line()
    assert order_of(waiting, joined(waiting, asked)) == served


def test_who_has_nothing_under_way_goes_first() -> None:
    waiting = line(n_at_a_time=3)
    first, second, third, other = joined(waiting, "aaab")
    assert waiting.begin(first) is None
    assert waiting.begin(second) is None
    assert waiting.begin(other) is None
    assert waiting.begin(third) == InLine(n_before=0, about_s=None)
    assert (waiting.n_under_way, waiting.n_waiting) == (3, 1)


def test_place_says_how_many_come_first_and_how_long_that_takes() -> None:
    waiting = line(n_at_a_time=2)
    begun = joined(waiting, "ab")
    assert [waiting.begin(ticket) for ticket in begun] == [None, None]
    waiting.release(begun[0], 10.0)
    tickets = joined(waiting, "cdef")
    assert waiting.begin(tickets[0]) is None
    assert waiting.begin(tickets[1]) == InLine(n_before=0, about_s=5.0)
    assert waiting.begin(tickets[3]) == InLine(n_before=2, about_s=15.0)


def test_too_many_are_refused_with_what_to_do() -> None:
    waiting = line(most_waiting=3, most_waiting_each=2)
    (begun,) = joined(waiting, "z")
    assert waiting.begin(begun) is None
    tickets = joined(waiting, "aab")
    with pytest.raises(TooManyQuestionsError, match="2 of your questions wait already"):
        waiting.join(waiting.ticket("a"))
    with pytest.raises(TooManyQuestionsError, match="3 questions wait already; ask again in"):
        waiting.join(waiting.ticket("c"))
    waiting.leave(tickets[0])
    waiting.join(waiting.ticket("c"))


def test_a_stopped_question_leaves_the_line_at_once() -> None:
    waiting = line()
    first, stopped, third = (waiting.ticket(who) for who in "abc")
    first.wait(Cancellation(), lambda _: None)
    cancellation = Cancellation()
    places: Queue[tuple[str, InLine]] = Queue()
    with ThreadPoolExecutor(2) as pool:
        waits = pool.submit(stopped.wait, cancellation, lambda place: places.put(("b", place)))
        assert places.get(timeout=LIMIT_S) == ("b", InLine(n_before=0, about_s=None))
        follows = pool.submit(third.wait, Cancellation(), lambda place: places.put(("c", place)))
        assert places.get(timeout=LIMIT_S) == ("c", InLine(n_before=1, about_s=None))
        cancellation.cancel()
        with pytest.raises(QuestionCancelledError):
            waits.result(LIMIT_S)
        assert places.get(timeout=LIMIT_S) == ("c", InLine(n_before=0, about_s=None))
        stopped.end()  # it never began
        first.end()
        follows.result(LIMIT_S)
        assert (waiting.n_under_way, waiting.n_waiting) == (1, 0)
        third.end()
        third.end()
    assert (waiting.n_under_way, waiting.n_waiting) == (0, 0)


def test_a_stopped_question_does_not_begin() -> None:
    waiting = line()
    held = waiting.ticket("a")
    held.wait(Cancellation(), lambda _: None)
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(QuestionCancelledError):
        waiting.ticket("b").wait(cancellation, lambda _: None)
    assert waiting.n_waiting == 0


def test_a_ticket_waits_once() -> None:
    waiting = line()
    ticket = waiting.ticket("a")
    ticket.wait(Cancellation(), lambda _: None)
    ticket.wait(Cancellation(), lambda _: None)
    assert waiting.n_under_way == 1


def test_many_threads_never_have_more_than_so_many_turns() -> None:
    waiting = line(n_at_a_time=2)
    lock = threading.Lock()
    at_once, most = 0, 0

    def ask(index: int) -> None:
        nonlocal at_once, most
        ticket = waiting.ticket(f"p{index % 3}")
        ticket.wait(Cancellation(), lambda _: None)
        with lock:
            at_once += 1
            most = max(most, at_once)
        with lock:
            at_once -= 1
        ticket.end()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(200), timeout=LIMIT_S))
    assert 1 <= most <= 2
    assert (waiting.n_under_way, waiting.n_waiting) == (0, 0)


@given(
    st.integers(1, 3),
    st.lists(st.one_of(st.sampled_from("abcd"), st.just("end"), st.just("leave")), max_size=60),
)
def test_nobody_is_served_twice_while_somebody_with_less_waits(
    n_at_a_time: int, steps: list[str]
) -> None:
    waiting = line(n_at_a_time=n_at_a_time)
    tickets: list[Ticket] = []
    running: list[Ticket] = []
    passed: Counter[tuple[Ticket, str]] = Counter()
    """How often each person was served while a ticket, the first of its person's, waited."""
    for step in steps:
        if step == "end" and running:
            waiting.release(running.pop(0), 1.0)
        elif step == "leave" and tickets:
            waiting.leave(tickets.pop())
        elif step in "abcd":
            tickets += joined(waiting, step)
        while served := [one for one in tickets if waiting.begin(one) is None]:
            for ticket in served:
                tickets.remove(ticket)
                running.append(ticket)
                for other in tickets:
                    is_first = all(t.who != other.who for t in tickets[: tickets.index(other)])
                    has_none = all(one.who != other.who for one in running)
                    if is_first and has_none:
                        passed[other, ticket.who] += 1
        assert len(running) <= n_at_a_time
        assert not tickets or len(running) == n_at_a_time
        assert waiting.n_waiting == len(tickets)
    assert max(passed.values(), default=0) <= 1


def test_what_stands_behind_begins_when_no_person_waits_or_is_answered() -> None:
    waiting = line(n_at_a_time=2)
    (asked,) = joined(waiting, "a")
    behind = waiting.ticket_behind("run", None)
    waiting.join(behind)
    assert waiting.begin(behind) == InLine(n_before=1, about_s=None)
    assert waiting.begin(asked) is None
    assert waiting.begin(behind) == InLine(n_before=1, about_s=None)  # though there is a free place
    waiting.release(asked, 1.0)
    assert waiting.begin(behind) is None
    assert (waiting.n_under_way, waiting.n_waiting) == (0, 0)


def test_what_stands_behind_gives_way_to_a_question_that_comes() -> None:
    waiting = line(n_at_a_time=2)
    given_way: list[str] = []
    behind = waiting.ticket_behind("run", lambda: given_way.append("run"))
    waiting.join(behind)
    assert waiting.begin(behind) is None
    first, second = joined(waiting, "ab")
    assert given_way == ["run", "run"]
    # Nobody is answered beside it: numbers of two that are computed together may differ.
    assert waiting.begin(first) == InLine(n_before=0, about_s=None)
    waiting.release(behind, 1.0)
    assert [waiting.begin(first), waiting.begin(second)] == [None, None]


def test_who_stands_behind_takes_turns_and_is_never_refused() -> None:
    waiting = line(most_waiting=1, most_waiting_each=1)
    tickets = [waiting.ticket_behind(who, None) for who in "aaab"]
    for ticket in tickets:
        waiting.join(ticket)
    assert order_of(waiting, tickets) == "abaa"
    assert waiting.n_waiting == 0


def test_how_long_is_told_by_what_people_ask_alone() -> None:
    waiting = line()
    behind = waiting.ticket_behind("run", None)
    waiting.join(behind)
    assert waiting.begin(behind) is None
    waiting.release(behind, 1000.0)
    begun, after = joined(waiting, "ab")
    assert waiting.begin(begun) is None
    assert waiting.begin(after) == InLine(n_before=0, about_s=None)


def test_a_stopped_ticket_leaves_the_line_behind() -> None:
    waiting = line()
    held = waiting.ticket("a")
    held.wait(Cancellation(), lambda _: None)
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(QuestionCancelledError):
        waiting.ticket_behind("run", None).wait(cancellation, lambda _: None)
    held.end()
    after = waiting.ticket_behind("other", None)
    after.wait(Cancellation(), lambda _: None)
    after.end()
