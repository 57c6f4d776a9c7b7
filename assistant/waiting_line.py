"""Whose question the model works on next: fair between people, and bounded.

At most as many questions at a time as the model computes together; the others wait. Next comes a
question of whoever has the fewest under way, among those of who was served longest ago, among
theirs the oldest: somebody who asks ten questions at once delays another person by one of them.

With S at a time, W waiting at most and T seconds for the longest answer, nobody waits longer than
(W / S + 1) * T.

Behind all of them stands work that is nobody's question, such as the cases of evaluations: one at a
time, and only while no person's question waits or is under way. A question that comes has it give
way, or waits for the end of this one where it has given way too often.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from assistant.cancellation import Cancellation
from assistant.errors import TooManyQuestionsError

_SMOOTHING = 0.2
"""Of the time that a question takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InLine:
    """Where a question stands among those that wait."""

    n_before: int
    """Questions that come first, as it looks now."""
    about_s: float | None
    """Seconds until its turn, as long as questions take lately; None: none has ended yet."""


OnPlace = Callable[[InLine], None]


class WaitingLine:
    """Who works with the model now and who waits. Thread-safe.

    Args:
        n_at_a_time: Most questions under way together.
        most_waiting: Most that wait; further ones are refused.
        most_waiting_each: Most of one person's.
    """

    def __init__(self, *, n_at_a_time: int, most_waiting: int, most_waiting_each: int) -> None:
        self._n_at_a_time = n_at_a_time
        self._most_waiting = most_waiting
        self._most_waiting_each = most_waiting_each
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []  # the oldest first
        self._behind: list[Ticket] = []  # that wait behind people, the oldest first
        self._alone: Ticket | None = None  # of those, the one under way
        self._under_way: Counter[str] = Counter()
        self._served: dict[str, int] = {}
        """When each person with questions here was served last, counted in turns."""
        self._n_served = 0
        self._mean_s: float | None = None

    def ticket(self, who: str) -> Ticket:
        """Return the ticket of one question, which does not wait yet."""
        return Ticket(self, who)

    def ticket_behind(self, who: str, give_way: Callable[[], None] | None) -> Ticket:
        """Return the ticket of work that waits behind all questions of people.

        Args:
            who: Whose work it is.
            give_way: Stops it, from any thread, once its turn has come and a person asks; None: it
                goes to its end.
        """
        return Ticket(self, who, is_behind=True, give_way=give_way)

    @property
    def n_waiting(self) -> int:
        """How many questions of people wait."""
        return len(self._waiting)

    @property
    def n_under_way(self) -> int:
        """How many questions of people have their turn."""
        return self._under_way.total()

    def join(self, ticket: Ticket) -> None:
        """Have a ticket wait.

        Raises:
            TooManyQuestionsError: too many wait already.
        """
        with self._changed:
            if ticket.is_behind:
                self._behind.append(ticket)
                return
            self._refuse_if_full(ticket.who)
            self._waiting.append(ticket)
            give_way = None if self._alone is None else self._alone.give_way
        if give_way is not None:
            give_way()

    def leave(self, ticket: Ticket) -> None:
        """Have a ticket wait no more; nothing if its turn came."""
        with self._changed:
            line = self._line_of(ticket)
            if ticket in line:
                line.remove(ticket)
                self._changed.notify_all()

    def begin(self, ticket: Ticket) -> InLine | None:
        """Begin a waiting ticket's turn if it has come, else return where it stands."""
        with self._changed:
            place = self._place(ticket)
            if place is None:
                self._line_of(ticket).remove(ticket)
                self._n_served += 1
                self._served[ticket.who] = self._n_served
                if ticket.is_behind:
                    self._alone = ticket
                else:
                    self._under_way[ticket.who] += 1
                self._changed.notify_all()
            return place

    def wait_for_change(self, ticket: Ticket, place: InLine, is_over: Callable[[], bool]) -> None:
        """Return when a waiting ticket stands elsewhere, or once it is over for it."""
        with self._changed:
            self._changed.wait_for(lambda: is_over() or self._place(ticket) != place)

    def wake(self) -> None:
        """Have all that wait look whether it is over for them; from any thread."""
        with self._changed:
            self._changed.notify_all()

    def release(self, ticket: Ticket, took_s: float) -> None:
        """Take in that a ticket's turn is over, and how long it was."""
        with self._changed:
            if ticket.is_behind:
                self._alone = None
            else:
                self._under_way[ticket.who] -= 1
                if not self._under_way[ticket.who]:
                    del self._under_way[ticket.who]
                earlier_s = took_s if self._mean_s is None else self._mean_s
                self._mean_s = earlier_s + _SMOOTHING * (took_s - earlier_s)
            if not (self._under_way or self._waiting or self._behind or self._alone):
                self._served.clear()  # nobody is before or behind anybody
            self._changed.notify_all()

    def _refuse_if_full(self, who: str) -> None:
        n_own = sum(waiting.who == who for waiting in self._waiting)
        if n_own >= self._most_waiting_each:
            raise TooManyQuestionsError(
                f"{n_own} of your questions wait already; ask again when one of them is answered, "
                "or stop one"
            )
        n_waiting = len(self._waiting)
        if n_waiting >= self._most_waiting:
            minutes = max(1, round(n_waiting * (self._mean_s or 0) / self._n_at_a_time / 60))
            raise TooManyQuestionsError(
                f"{n_waiting} questions wait already; ask again in about {minutes} min"
            )

    def _place(self, ticket: Ticket) -> InLine | None:
        """Return where a waiting question stands; None: it is its turn."""
        if ticket.is_behind:
            return self._place_behind(ticket)
        n_free = self._n_at_a_time - self._under_way.total()
        n_before = self._order().index(ticket)
        if n_before < n_free and self._alone is None:
            return None
        about_s = None
        if self._mean_s is not None and n_before >= n_free:
            about_s = (n_before - n_free + 1) * self._mean_s / self._n_at_a_time
        return InLine(n_before=n_before, about_s=about_s)

    def _place_behind(self, ticket: Ticket) -> InLine | None:
        n_people = len(self._waiting) + self._under_way.total()
        first = min(self._behind, key=lambda one: self._served.get(one.who, 0))
        if ticket is first and not n_people and self._alone is None:
            return None
        return InLine(n_before=n_people + self._behind.index(ticket), about_s=None)

    def _line_of(self, ticket: Ticket) -> list[Ticket]:
        return self._behind if ticket.is_behind else self._waiting

    def _order(self) -> list[Ticket]:
        """Return those that wait in the order in which their turn comes if nobody else asks."""
        left, order = list(self._waiting), []
        under_way, served, n_served = self._under_way.copy(), self._served.copy(), self._n_served
        while left:
            first = min(left, key=lambda one: (under_way[one.who], served.get(one.who, 0)))
            left.remove(first)
            order.append(first)
            n_served += 1
            under_way[first.who] += 1
            served[first.who] = n_served
        return order


class Ticket:
    """One question's; for the thread that answers it.

    Attributes:
        who: Whose question it is.
        is_behind: Whether it is no person's, and waits behind those.
        give_way: What stops it for a person's question; None where it cannot be stopped.
        waited_s: Seconds that it waited for its turn; None as long as that has not come.
        took_s: Seconds that its turn took; None as long as that is not over.
    """

    def __init__(
        self,
        line: WaitingLine,
        who: str,
        *,
        is_behind: bool = False,
        give_way: Callable[[], None] | None = None,
    ) -> None:
        self._line = line
        self.who = who
        self.is_behind = is_behind
        self.give_way = give_way
        self.waited_s: float | None = None
        self.took_s: float | None = None
        self._begun_s: float | None = None

    def wait(self, cancellation: Cancellation, on_place: OnPlace) -> None:
        """Wait until it is this question's turn; at once if it has begun already.

        Args:
            cancellation: Of the question; ends the waiting.
            on_place: Told where it stands, and whenever that changes, in this thread.

        Raises:
            TooManyQuestionsError: too many wait already.
            QuestionCancelledError: it was stopped meanwhile.
        """
        if self._begun_s is not None:
            return
        self._line.join(self)
        joined_s = time.monotonic()
        try:
            cancellation.stops(self._line.wake)
            while (place := self._line.begin(self)) is not None:
                cancellation.check()
                on_place(place)
                self._line.wait_for_change(self, place, lambda: cancellation.is_cancelled)
        finally:
            self._line.leave(self)
        self._begun_s = time.monotonic()
        self.waited_s = self._begun_s - joined_s

    def end(self) -> None:
        """Let the next one begin."""
        if self._begun_s is not None:
            self.took_s = time.monotonic() - self._begun_s
            self._line.release(self, self.took_s)
            self._begun_s = None
