from __future__ import annotations

import threading

import pytest

from assistant.retrieval import cores
from assistant.retrieval.cores import on_all_cores


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_results_come_in_the_order_of_what_was_given(n: int) -> None:
    assert on_all_cores(lambda number: number * number, range(n)) == [i * i for i in range(n)]


def test_two_threads_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_n_cores", lambda: 2)
    both_work = threading.Barrier(2, timeout=30)

    def work(_number: int) -> str:
        both_work.wait()  # one thread alone would wait in vain
        return threading.current_thread().name

    assert len(set(on_all_cores(work, range(2)))) == 2


def test_what_fails_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_n_cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        on_all_cores(lambda number: 1 // number, [0, 0, 0])
