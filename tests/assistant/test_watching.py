from __future__ import annotations

import threading

from assistant.errors import StoreError
from assistant.watching import GenerationWatch


class Corpus:
    """A generation that is raised when it has been looked at often enough."""

    def __init__(self) -> None:
        self.generation = 4

    def current(self) -> int:
        return self.generation


def test_look_tells_every_change_once() -> None:
    corpus, told = Corpus(), []
    watch = GenerationWatch(
        corpus.current, [lambda: told.append("one"), lambda: told.append("two")]
    )
    watch.look()
    assert told == []
    corpus.generation = 5
    watch.look()
    watch.look()
    assert told == ["one", "two"]


def test_thread_looks_until_it_is_closed() -> None:
    corpus, dropped = Corpus(), threading.Event()
    watch = GenerationWatch(corpus.current, [dropped.set])
    watch.start()
    corpus.generation = 5
    assert dropped.wait(30)
    watch.close()
    watch.close()
    assert "generation-watch" not in {thread.name for thread in threading.enumerate()}


def test_close_of_one_that_was_not_started_returns() -> None:
    GenerationWatch(Corpus().current, []).close()


def test_thread_goes_on_after_the_catalog_could_not_be_read() -> None:
    corpus, dropped, failed = Corpus(), threading.Event(), threading.Event()

    def current() -> int:
        if threading.current_thread() is threading.main_thread() or failed.is_set():
            return corpus.current()
        failed.set()
        raise StoreError("busy")

    watch = GenerationWatch(current, [dropped.set])
    corpus.generation = 5
    watch.start()
    assert dropped.wait(30)
    watch.close()
