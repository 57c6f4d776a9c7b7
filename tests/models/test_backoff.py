from __future__ import annotations

import pytest

from models.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, Backoff


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_first_start_is_at_once(clock: Clock) -> None:
    assert Backoff(clock).left_s == 0


def test_pauses_double_up_to_the_longest_and_no_further(clock: Clock) -> None:
    backoff = Backoff(clock)
    pauses = [backoff.died(started_s=clock(), ended_s=clock()) for _ in range(8)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses[-1] == LONGEST_PAUSE_S
    assert backoff.n_deaths == 8
    for _ in range(2000):  # days of it
        assert backoff.died(started_s=clock(), ended_s=clock()) == LONGEST_PAUSE_S


def test_pause_counts_from_the_death_not_from_when_it_was_noticed(clock: Clock) -> None:
    backoff = Backoff(clock)
    backoff.died(started_s=99.0, ended_s=99.5)
    assert backoff.left_s == pytest.approx(0.5)
    clock.now_s = 100.6
    assert backoff.left_s == 0


def test_who_lived_long_begins_anew(clock: Clock) -> None:
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.died(started_s=clock(), ended_s=clock())
    died = {"started_s": clock(), "ended_s": clock() + STEADY_S + 1}
    assert backoff.died(**died) == FIRST_PAUSE_S
    assert backoff.n_deaths == 1
