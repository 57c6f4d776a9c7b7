"""Work on several things at a time, on the cores of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from assistant.store.codes import use_one_thread
from models.processors import physical_cores

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


def on_all_cores(work: Callable[[_Given], _Result], given: Sequence[_Given]) -> list[_Result]:
    """Return the result for each of some things, in order.

    Each core takes the next one when it is free; this thread is one of them, so that a core which
    is slow to wake up holds nothing up. Worth it where the work leaves Python for longer than
    handing it over takes, about 50 microseconds.
    """
    results: dict[int, _Result] = {}
    indexes = iter(range(len(given)))  # threads that share it get each index once

    def take() -> None:
        for index in indexes:
            results[index] = work(given[index])

    n_others = min(_n_cores(), len(given)) - 1
    others = [_pool().submit(take) for _ in range(n_others)]
    take()
    for other in others:
        if not other.cancel():
            other.result()
    return [results[index] for index in range(len(given))]


@cache
def _n_cores() -> int:
    return physical_cores()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, _n_cores() - 1), "search", initializer=use_one_thread)
