"""Whether an answer states the numbers, dates and times of a gold answer, with their units."""

from __future__ import annotations

from dataclasses import replace

from assistant.evidence.facts import Facts, read_facts, unstated


def states_values(answer: str, gold: str) -> bool | None:
    """Tell whether an answer states every value of a gold answer; None if that has none.

    A unit that only one of the two gives does not count as another one.

    >>> states_values("It costs $1,500 from 3 May 2024.", "1500 dollars, 2024-05-03")
    True
    >>> states_values("25 days", "25 hours"), states_values("25 days", "soon")
    (False, None)
    """
    wanted = _values_only(read_facts(gold))
    if not (wanted.quantities or wanted.dates or wanted.times):
        return None
    return not unstated(wanted, read_facts(answer))


def _values_only(facts: Facts) -> Facts:
    nothing = frozenset[str]()
    return replace(facts, names=nothing, affirmed=nothing, negated=nothing)
