from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from assistant.access import OPERATOR
from assistant.answer_cache import AnswerCache
from assistant.cancellation import Cancellation
from assistant.errors import InvalidQuestionError, StoreError
from assistant.events import EvidenceChosen, TextPiece
from assistant.types import Answer, DocumentId, Reply
from assistant.waiting_line import InLine, WaitingLine
from models.errors import GeneratorCrashedError
from tests.waiting import wait_until
from ui.web import answering
from ui.web.answering import MODEL_DIED, UNEXPECTED, AnswerProgress, AnswerRun, start_answer
from ui.web.resources import Resources

END_S = 20.0


def one_at_a_time() -> WaitingLine:
    return WaitingLine(n_at_a_time=1, most_waiting=1, most_waiting_each=1)


class Ended:
    """Waits for the end of a run by its thread."""

    def __init__(self, run: AnswerRun) -> None:
        for thread in threading.enumerate():
            if thread.name == "answer":
                thread.join(END_S)
        self.progress: AnswerProgress = run.snapshot()


@dataclass
class Told:
    """Tells functions what becomes of a question."""

    on_reply: Callable[[Reply], None]
    on_no_reply: Callable[[AnswerRun], None]
    on_shown: Callable[[frozenset[DocumentId]], None]

    def begin(self) -> None:
        pass

    def before_shown(self, documents: frozenset[DocumentId]) -> None:
        self.on_shown(documents)

    def end(self, run: AnswerRun, reply: Reply | None) -> None:
        if reply is None:
            self.on_no_reply(run)
        else:
            self.on_reply(reply)


@pytest.fixture
def engine(opened: Resources) -> AnswerCache:
    return opened.answers.result()


def start(
    answerer: Callable[[], Any],
    on_reply: Callable[[Reply], None],
    on_no_reply: Callable[[AnswerRun], None] = lambda _: None,
    line: WaitingLine | None = None,
    is_watched: Callable[[], bool] = lambda: True,
    on_shown: Callable[[frozenset[DocumentId]], None] = lambda _: None,
) -> AnswerRun:
    return start_answer(
        answerer,
        "How many days of annual leave do employees receive?",
        history=(),
        readable=OPERATOR,
        ticket=(line or one_at_a_time()).ticket("ann"),
        record=Told(on_reply, on_no_reply, on_shown),
        is_watched=is_watched,
    )


def test_run_ends_with_the_reply_it_stored(engine: AnswerCache) -> None:
    stored: list[Reply] = []
    without: list[AnswerRun] = []
    progress = Ended(start(lambda: engine, stored.append, without.append)).progress
    assert without == []
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
    without: list[AnswerRun] = []
    run = start(answerer, stored.append, without.append)
    assert not run.snapshot().is_done
    run.stop()
    may_go_on.set()
    progress = Ended(run).progress
    assert progress.is_cancelled
    assert stored == []
    assert without == [run]
    assert (run.is_stopped, run.shown) == (True, frozenset())


def test_run_waits_for_its_turn_and_leaves_the_line_when_it_is_stopped(engine: AnswerCache) -> None:
    line = one_at_a_time()
    held = line.ticket("bob")
    held.wait(Cancellation(), lambda _: None)
    run = start(lambda: engine, lambda _: None, line=line)
    wait_until(lambda: run.snapshot().in_line is not None)
    assert run.snapshot().in_line == InLine(n_before=0, about_s=None)
    assert run.snapshot().best is not None  # told before it waits
    second = start(lambda: engine, lambda _: None, line=line)
    wait_until(lambda: second.snapshot().is_done)
    assert second.snapshot().error == (
        "1 of your questions wait already; ask again when one of them is answered, or stop one"
    )
    run.stop()
    assert Ended(run).progress.is_cancelled
    assert line.n_waiting == 0
    held.end()
    again = Ended(start(lambda: engine, lambda _: None, line=line)).progress
    assert isinstance(again.reply, Answer)
    assert again.in_line is None
    assert line.n_under_way == 0


def test_run_that_ends_with_the_model_s_process_says_so_with_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answerer() -> Any:
        raise GeneratorCrashedError("process 42 ended with signal SIGKILL: secret text")

    progress = Ended(start(answerer, lambda _: None)).progress
    assert progress.error is not None
    number = re.fullmatch(re.escape(MODEL_DIED).replace(r"\{\}", "([0-9a-f]{12})"), progress.error)
    assert number is not None
    assert number[1] in [getattr(one, "fields", {}).get("error_id") for one in caplog.records]


def test_log_tells_how_long_a_question_waited_and_its_turn_took(
    engine: AnswerCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    Ended(start(lambda: engine, lambda _: None))
    wait_until(lambda: any(one.message == "question" for one in caplog.records))
    (told,) = [one.fields for one in caplog.records if one.message == "question"]  # type: ignore[attr-defined]
    assert 0 <= told["in_line_ms"] < told["turn_ms"] <= told["total_ms"]


def test_run_that_nobody_watches_is_stopped(
    engine: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "WATCH_S", 0.01)
    monkeypatch.setattr(answering, "GRACE_S", 0.05)
    line = one_at_a_time()
    held = line.ticket("bob")
    held.wait(Cancellation(), lambda _: None)
    seen = threading.Event()
    seen.set()
    run = start(lambda: engine, lambda _: None, line=line, is_watched=seen.is_set)
    wait_until(lambda: line.n_waiting == 1)
    assert not run.is_stopped
    seen.clear()
    wait_until(lambda: line.n_waiting == 0)
    progress = Ended(run).progress
    assert progress.is_cancelled
    held.end()


def test_run_whose_reply_cannot_be_stored_tells_what_it_has_shown(engine: AnswerCache) -> None:
    def refuse(_reply: Reply) -> None:
        raise StoreError("the disk is full")

    without: list[AnswerRun] = []
    run = start(lambda: engine, refuse, without.append)
    progress = Ended(run).progress
    assert progress.error == "the disk is full"
    assert without == [run]
    assert progress.best is not None
    assert run.shown == {progress.best.document_id}
    assert not run.is_stopped


def test_what_the_model_was_shown_counts_as_shown_with_its_first_words(
    engine: AnswerCache,
) -> None:
    run = start(lambda: engine, lambda _: None)
    Ended(run)
    own = AnswerRun("Why?", OPERATOR)
    own.listen(EvidenceChosen(documents=frozenset({DocumentId("a"), DocumentId("b")})))
    assert own.shown == frozenset()
    own.listen(TextPiece(text="Because"))
    assert own.shown == {"a", "b"}
    assert run.shown


def test_nothing_is_shown_before_that_is_recorded() -> None:
    seen: list[tuple[frozenset[DocumentId], AnswerProgress]] = []
    run = AnswerRun("Why?", OPERATOR, lambda shown: seen.append((shown, run.snapshot())))
    read = frozenset({DocumentId("a"), DocumentId("b")})
    run.listen(EvidenceChosen(documents=read))
    run.listen(TextPiece(text="Because"))
    run.listen(TextPiece(text=" of it."))
    ((shown, before),) = seen
    assert (shown, before.text) == (read, "")
    assert run.snapshot().text == "Because of it."


def test_what_cannot_be_recorded_is_not_shown(engine: AnswerCache) -> None:
    def refuse(_documents: frozenset[DocumentId]) -> None:
        raise StoreError("the disk is full")

    stored: list[Reply] = []
    run = start(lambda: engine, stored.append, on_shown=refuse)
    progress = Ended(run).progress
    assert (progress.error, progress.best, progress.text) == ("the disk is full", None, "")
    assert (stored, run.shown) == ([], frozenset())


@pytest.mark.parametrize("error", [StoreError("the disk is full"), PermissionError("no")])
def test_run_ends_even_where_its_end_cannot_be_recorded(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def answerer() -> AnswerCache:
        raise InvalidQuestionError("too long")

    def refuse(_run: AnswerRun) -> None:
        raise error

    progress = Ended(start(answerer, lambda _: None, refuse)).progress
    assert progress.error == "too long"
    assert "not in the audit log" in caplog.text


@pytest.mark.parametrize(
    ("error", "shown"),
    [(InvalidQuestionError("too long"), "too long"), (KeyError("secret"), UNEXPECTED.format("ID"))],
)
def test_run_that_fails_says_what_the_asker_may_know(error: Exception, shown: str) -> None:
    def answerer() -> AnswerCache:
        raise error

    progress = Ended(start(answerer, lambda _: None)).progress
    assert progress.is_done
    assert re.sub(r"\b[0-9a-f]{12}\b", "ID", progress.error or "") == shown
