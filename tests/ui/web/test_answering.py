from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from assistant.access import OPERATOR
from assistant.answer_cache import AnswerCache
from assistant.errors import InvalidQuestionError
from assistant.types import Answer, Reply
from ui.web.answering import UNEXPECTED, AnswerProgress, AnswerRun, start_answer
from ui.web.resources import Resources

END_S = 20.0


class Ended:
    """Waits for the end of a run by its thread."""

    def __init__(self, run: AnswerRun) -> None:
        for thread in threading.enumerate():
            if thread.name == "answer":
                thread.join(END_S)
        self.progress: AnswerProgress = run.snapshot()


@pytest.fixture
def engine(opened: Resources) -> AnswerCache:
    return opened.answers.result()


def start(answerer: Callable[[], Any], on_reply: Callable[[Reply], None]) -> AnswerRun:
    return start_answer(
        answerer,
        "How many days of annual leave do employees receive?",
        history=(),
        readable=OPERATOR,
        on_reply=on_reply,
    )


def test_run_ends_with_the_reply_it_stored(engine: AnswerCache) -> None:
    stored: list[Reply] = []
    progress = Ended(start(lambda: engine, stored.append)).progress
    assert progress.is_done
    assert isinstance(progress.reply, Answer)
    assert stored == [progress.reply]
    assert progress.best is not None
    assert progress.resolved == progress.question
    assert [one.sentence.text for one in progress.checked] == [progress.text]


def test_run_that_is_stopped_ends_without_a_reply(engine: AnswerCache) -> None:
    may_go_on = threading.Event()

    def answerer() -> AnswerCache:
        may_go_on.wait(END_S)
        return engine

    stored: list[Reply] = []
    run = start(answerer, stored.append)
    assert not run.snapshot().is_done
    run.stop()
    may_go_on.set()
    progress = Ended(run).progress
    assert progress.is_cancelled
    assert stored == []


@pytest.mark.parametrize(
    ("error", "shown"),
    [(InvalidQuestionError("too long"), "too long"), (KeyError("secret"), UNEXPECTED)],
)
def test_run_that_fails_says_what_the_asker_may_know(error: Exception, shown: str) -> None:
    def answerer() -> AnswerCache:
        raise error

    progress = Ended(start(answerer, lambda _: None)).progress
    assert progress.is_done
    assert progress.error == shown
