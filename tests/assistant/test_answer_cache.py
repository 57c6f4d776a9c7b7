from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.answer_cache import AnswerCache, normalised_question
from assistant.cancellation import Cancellation
from assistant.engine import Engine
from assistant.errors import QuestionCancelledError
from assistant.events import Event, QuestionResolved, TextPiece
from assistant.settings import AnswerSettings
from assistant.types import Abstention, Answer, CollectionId, Hit, Reply, Turn
from models.fakes import FakeEmbedder, FakeGenerator

LEAVE = "Employees receive 25 days of annual leave. Bikes go to the cellar."
QUESTION = "How many days of annual leave do employees receive?"
HISTORY = (
    Turn(role="user", content="Where do bikes go?"),
    Turn(role="assistant", content="Bikes go to the cellar."),
)


class Corpus:
    """Hits that anybody finds who may see anything, and the generation they are of."""

    def __init__(self, hits: tuple[Hit, ...]) -> None:
        self.hits = hits
        self.index_generation = 1

    def retrieve(self, _query: str, top_k: int, readable: ReadableSet) -> tuple[Hit, ...]:
        return self.hits[:top_k] if readable != ReadableSet() else ()

    def current_generation(self) -> int:
        return self.index_generation


@dataclass
class Asked:
    """An engine that counts what it is asked; `during` is called meanwhile."""

    engine: Engine
    questions: list[str] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def ask(self, question: str, **options: Any) -> Reply:
        self.questions.append(question)
        self.during()
        return self.engine.ask(question, **options)


@pytest.fixture
def corpus(make_hit: Callable[..., Hit]) -> Corpus:
    return Corpus((make_hit(LEAVE, score=0.9),))


@pytest.fixture
def asked(corpus: Corpus) -> Asked:
    return Asked(
        Engine(
            retriever=corpus,
            embedder=FakeEmbedder(),
            generator=FakeGenerator(),
            settings=AnswerSettings(min_confidence=0.0),
        )
    )


@pytest.fixture
def cache(corpus: Corpus, asked: Asked) -> AnswerCache:
    return AnswerCache(asked, corpus.current_generation, most_bytes=1_000_000)


def ask(
    cache: AnswerCache,
    question: str = QUESTION,
    *,
    readable: ReadableSet = OPERATOR,
    events: list[Event] | None = None,
    **options: Any,
) -> Reply:
    listener = [].append if events is None else events.append
    return cache.ask(question, readable=readable, listener=listener, **options)


def collection(number: int) -> ReadableSet:
    return ReadableSet(collections=frozenset({CollectionId(number)}))


def test_same_question_is_answered_from_memory_with_the_same_events(
    cache: AnswerCache, asked: Asked
) -> None:
    first_events: list[Event] = []
    again_events: list[Event] = []
    first = ask(cache, events=first_events)
    again = ask(cache, events=again_events)
    assert asked.questions == [QUESTION]
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (again.text, again.sentences, again.citations) == (
        first.text,
        first.sentences,
        first.citations,
    )
    assert again_events == [one for one in first_events if not isinstance(one, TextPiece)]
    assert len(again_events) == 4


def test_record_says_that_a_reply_came_from_memory(cache: AnswerCache) -> None:
    first, again = ask(cache).record, ask(cache).record
    assert not first.usage.from_cache
    assert again.usage.from_cache
    assert again.usage.prompt_tokens_computed == 0
    assert again.usage.prompt_tokens == first.usage.prompt_tokens > 0
    assert again.passages == first.passages
    assert again.timings.retrieve_ms == 0
    assert again.timings.ttft_ms == again.timings.total_ms


def test_reply_from_memory_names_the_question_as_it_was_asked_now(
    cache: AnswerCache, corpus: Corpus
) -> None:
    corpus.hits = ()
    ask(cache, "Who feeds the cat?")
    events: list[Event] = []
    again = ask(cache, " who feeds  THE cat ", events=events)
    assert not again.record.usage.from_cache
    again = ask(cache, " who feeds  the cat ", events=events)
    assert isinstance(again, Abstention)
    assert again.text == "The documents do not say. I looked for: who feeds  the cat"
    assert again.record.question == again.record.resolved_question == "who feeds  the cat"
    assert events[-1] == QuestionResolved(question="who feeds  the cat")


@pytest.mark.parametrize("other", [collection(2), ReadableSet(), OPERATOR])
def test_who_may_read_something_else_is_never_answered_from_memory(
    cache: AnswerCache, asked: Asked, other: ReadableSet
) -> None:
    ask(cache, readable=collection(1))
    ask(cache, readable=other)
    assert len(asked.questions) == 2
    ask(cache, readable=collection(1))
    assert len(asked.questions) == 2


def test_a_change_of_the_index_drops_everything(
    cache: AnswerCache, asked: Asked, corpus: Corpus
) -> None:
    ask(cache)
    corpus.index_generation = 2
    assert cache.n_bytes > 0
    cache.drop_outdated()
    assert cache.n_bytes == 0
    ask(cache)
    assert len(asked.questions) == 2


def test_a_change_is_noticed_by_the_next_question_itself(
    cache: AnswerCache, asked: Asked, corpus: Corpus
) -> None:
    ask(cache)
    corpus.index_generation = 2
    ask(cache)
    assert len(asked.questions) == 2


def test_a_reply_during_which_the_index_changed_is_not_kept(
    cache: AnswerCache, asked: Asked, corpus: Corpus
) -> None:
    def publish() -> None:
        corpus.index_generation = 2

    asked.during = publish
    ask(cache)
    assert cache.n_bytes == 0


def test_a_look_at_an_earlier_generation_brings_nothing_back(
    cache: AnswerCache, asked: Asked, corpus: Corpus
) -> None:
    corpus.index_generation = 2
    ask(cache)
    corpus.index_generation = 1
    ask(cache)
    assert len(asked.questions) == 2


def test_a_follow_up_is_always_answered_anew(cache: AnswerCache, asked: Asked) -> None:
    for _ in range(2):
        ask(cache, "Who feeds them there?", history=HISTORY)
    assert len(asked.questions) == 2
    assert cache.n_bytes == 0


def test_a_question_that_stands_alone_may_come_in_any_conversation(
    cache: AnswerCache, asked: Asked
) -> None:
    ask(cache)
    assert ask(cache, history=HISTORY).record.usage.from_cache
    assert len(asked.questions) == 1


def test_anew_asks_the_engine_and_keeps_its_reply(cache: AnswerCache, asked: Asked) -> None:
    ask(cache)
    n_bytes = cache.n_bytes
    assert not ask(cache, anew=True).record.usage.from_cache
    assert len(asked.questions) == 2
    assert cache.n_bytes == pytest.approx(n_bytes, rel=0.05)
    assert ask(cache).record.usage.from_cache


def test_a_question_that_was_stopped_is_not_kept(cache: AnswerCache) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(QuestionCancelledError):
        ask(cache, cancellation=cancellation)
    assert cache.n_bytes == 0


def test_what_was_given_longest_ago_goes_first(corpus: Corpus, asked: Asked) -> None:
    ask(one := AnswerCache(asked, corpus.current_generation, most_bytes=1_000_000))
    cache = AnswerCache(asked, corpus.current_generation, most_bytes=int(2.5 * one.n_bytes))
    asked.questions.clear()
    first, second, third = (f"{QUESTION[:-1]} in {place}?" for place in ("Hull", "Lund", "Oslo"))
    for question in (first, second, first, third, first, second):
        ask(cache, question)
    assert asked.questions == [first, second, third, second]
    assert cache.n_bytes <= 2.5 * one.n_bytes


def test_at_most_so_many_replies_are_kept(
    cache: AnswerCache, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.answer_cache.MOST_REPLIES", 1)
    for question in (QUESTION, "Where do bikes go?", QUESTION):
        ask(cache, question)
    assert len(asked.questions) == 3


@pytest.mark.parametrize("most_bytes", [0, 10])
def test_nothing_is_kept_without_room(corpus: Corpus, asked: Asked, most_bytes: int) -> None:
    cache = AnswerCache(asked, corpus.current_generation, most_bytes=most_bytes)
    for _ in range(2):
        assert not ask(cache).record.usage.from_cache
    assert cache.n_bytes == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Where do bikes go?", "  where  do bikes\tGO".replace("GO", "go ?!"), True),
        ("Where do bikes go?", "Where do my bikes go?", False),
        ("Who is in IT?", "Who is in it?", False),
        ("A day off?", "a day off", True),
        ("Is 3.5 % enough?", "Is 35 % enough?", False),
        ("Cafe\u0301 hours", "Caf\u00e9 hours.", True),
    ],
)
def test_normalised_question_ignores_only_what_makes_no_difference(
    one: str, other: str, is_same: bool
) -> None:
    assert (normalised_question(one) == normalised_question(other)) is is_same
