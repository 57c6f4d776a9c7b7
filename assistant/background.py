"""Work with the model that gives way to people: what is measured is asked when nobody else asks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TypeVar

from assistant.cancellation import Cancellation
from assistant.errors import QuestionCancelledError
from assistant.waiting_line import WaitingLine

MOST_RESTARTS = 3
"""So often a piece of work gives way; begun once more it goes to its end, else it might never."""
Outcome = TypeVar("Outcome")


def behind_people(
    line: WaitingLine, who: str, cancellation: Cancellation, work: Callable[[Cancellation], Outcome]
) -> Outcome:
    """Do a piece of work while no person wants the model, all alone.

    It waits until nobody waits or is answered, and until other such work had its turn. If somebody
    asks meanwhile, it is stopped within a token, and begun again afterwards.

    Args:
        line: Of those who want the model.
        who: Whose work it is; of several, each has its turn.
        cancellation: Stops it for good, also while it waits.
        work: Done with a stop button of its own; what it has done when stopped is lost.

    Raises:
        QuestionCancelledError: it was stopped for good.
    """
    for n_given_way in count():
        attempt = Cancellation()
        cancellation.stops(attempt.cancel)
        gives_way = n_given_way < MOST_RESTARTS
        ticket = line.ticket_behind(who, attempt.cancel if gives_way else None)
        try:
            ticket.wait(attempt, lambda _: None)
            return work(attempt)
        except QuestionCancelledError:
            cancellation.check()
        finally:
            ticket.end()
    raise AssertionError
