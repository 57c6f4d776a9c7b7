from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.answer_text import answer_sentences, join_sentences
from assistant.cancellation import Cancellation
from assistant.engine import Engine
from assistant.errors import InvalidQuestionError, QuestionCancelledError
from assistant.events import (
    BestEvidence,
    Event,
    EvidenceChosen,
    QuestionResolved,
    SentenceChecked,
    TextPiece,
)
from assistant.passages import write_block
from assistant.prompts.library import prompt_text
from assistant.reply_json import reply_to_json
from assistant.settings import AnswerSettings
from assistant.types import Abstention, AbstentionReason, Answer, DocumentId, Hit, Support, Turn
from assistant.waiting_line import Ticket, WaitingLine
from models.fakes import FakeEmbedder, FakeGenerator


class ListRetriever:
    """Returns what it was given, whatever the query."""

    index_generation = 7

    def __init__(self, hits: tuple[Hit, ...]) -> None:
        self.hits = hits

    def retrieve(self, _query: str, top_k: int, readable: ReadableSet) -> tuple[Hit, ...]:
        return self.hits[:top_k] if readable.everything else ()


@pytest.fixture
def build(make_hit: Callable[..., Hit]) -> Callable[..., Engine]:
    def make(*texts: str, says: str | None = None, **settings: float) -> Engine:
        hits = tuple(make_hit(text, score=0.9) for text in texts)
        return Engine(
            retriever=ListRetriever(hits),
            embedder=FakeEmbedder(),
            generator=FakeGenerator(reply=says),
            # The stand-ins' signals mean nothing to the fitted weights.
            settings=AnswerSettings(**{"min_confidence": 0.0, **settings}),  # type: ignore[arg-type]
        )

    return make


LEAVE = "Employees receive 25 days of annual leave. Bikes go to the cellar."
QUESTION = "How many days of annual leave do employees receive?"


def test_ask_answers_with_verbatim_citations_of_what_was_shown(
    build: Callable[..., Engine],
) -> None:
    reply = build(LEAVE).ask(QUESTION, readable=OPERATOR)
    assert isinstance(reply, Answer)
    assert reply.text == "Employees receive 25 days of annual leave."
    (citation,) = reply.citations
    assert citation.quote == citation.span.slice(LEAVE) == reply.text
    assert reply.sentences[0].support is Support.SUPPORTED
    assert reply.sentences[0].citations == (0,)
    assert reply.record.passages[0].shown
    assert reply.record.index_generation == 7


def test_ask_computes_no_token_of_a_kept_passage(make_hit: Callable[..., Hit]) -> None:
    hit, other = make_hit(LEAVE, score=0.9), make_hit("Leave is agreed early.", score=0.8)
    generator, used = FakeGenerator(), []
    engine = Engine(
        retriever=ListRetriever((hit, other)),
        embedder=FakeEmbedder(),
        generator=generator,
        settings=AnswerSettings(min_confidence=0.0),
        on_evidence=used.extend,
    )
    cold = engine.ask(QUESTION, readable=OPERATOR)
    generator.keep(prompt_text("answer_head"), write_block(hit))
    warm = engine.ask(QUESTION, readable=OPERATOR)
    assert warm.text == cold.text
    assert warm.record.passages[0].shown == cold.record.passages[0].shown
    saved = cold.record.usage.prompt_tokens_computed - warm.record.usage.prompt_tokens_computed
    assert saved > 5
    assert used[:2] == [hit.chunk.chunk_id, other.chunk.chunk_id]


def test_what_is_measured_depends_on_nothing_that_is_kept_and_has_nothing_kept(
    make_hit: Callable[..., Hit],
) -> None:
    hit = make_hit("Bikes go to the cellar. Dogs may come. " * 9 + LEAVE, score=0.9)
    generator, used = FakeGenerator(), []
    engine = Engine(
        retriever=ListRetriever((hit,)),
        embedder=FakeEmbedder(),
        generator=generator,
        settings=AnswerSettings(min_confidence=0.0, evidence_tokens=64),
        on_evidence=used.extend,
    )
    cold = engine.ask(QUESTION, readable=OPERATOR, is_measured=True)
    assert used == []
    generator.keep(prompt_text("answer_head"), write_block(hit))
    measured = engine.ask(QUESTION, readable=OPERATOR, is_measured=True)
    asked = engine.ask(QUESTION, readable=OPERATOR)
    assert measured.record.passages == cold.record.passages
    assert measured.record.usage == cold.record.usage
    assert asked.record.passages != cold.record.passages
    assert used == [hit.chunk.chunk_id]


def test_ask_with_nothing_readable_abstains_without_generating(
    build: Callable[..., Engine],
) -> None:
    reply = build(LEAVE).ask(QUESTION, readable=ReadableSet())
    assert isinstance(reply, Abstention)
    assert reply.reason is AbstentionReason.NO_EVIDENCE
    assert reply.record.usage.completion_tokens == 0
    assert QUESTION in reply.text


def test_ask_when_the_model_declines_abstains(build: Callable[..., Engine]) -> None:
    reply = build("Zebras graze.").ask("Who won?", readable=OPERATOR)
    assert isinstance(reply, Abstention)
    assert reply.reason is AbstentionReason.NO_EVIDENCE


@pytest.mark.parametrize(
    "question", ["Who hosted the late show with Anna?", "What was the late show?"]
)
def test_ask_when_the_answer_only_repeats_the_question_abstains(
    build: Callable[..., Engine], question: str
) -> None:
    engine = build("Anna hosted the late show.", says="It was the late show.")
    reply = engine.ask(question, readable=OPERATOR)
    assert isinstance(reply, Abstention)
    assert reply.reason is AbstentionReason.NO_EVIDENCE


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Did Anna host the late show?", "Yes, Anna hosted the late show."),
        ("Did Anna or Ben host the late show?", "Anna hosted the late show."),
        ("Who, Anna or Ben, hosted the late show?", "Anna hosted the late show."),
    ],
)
def test_ask_takes_a_verdict_or_a_choice_in_the_questions_words(
    build: Callable[..., Engine], question: str, answer: str
) -> None:
    reply = build("Anna hosted the late show.", says=answer).ask(question, readable=OPERATOR)
    assert isinstance(reply, Answer)


def test_ask_says_nothing_twice(build: Callable[..., Engine]) -> None:
    page = "Visitors pay 5 euros for parking. Visitors pay 9 euros for parking on Sundays."
    told = (
        "Visitors pay 5 euros for parking. For parking visitors pay 5 euros. "
        "Visitors pay 9 euros for parking on Sundays."
    )
    reply = build(page, says=told).ask("Explain what visitors pay.", readable=OPERATOR)
    assert reply.text == (
        "Visitors pay 5 euros for parking. Visitors pay 9 euros for parking on Sundays."
    )


def test_ask_marks_the_items_of_a_list_with_gaps_by_dashes(build: Callable[..., Engine]) -> None:
    page = "To travel:\n- Ask your manager for leave\n- Book trains in second class"
    told = (
        "To travel:\n1. Ask your manager for leave\n2. Pack 99 bags\n3. Book trains in second class"
    )
    reply = build(page, says=told).ask("How do I travel?", readable=OPERATOR)
    assert isinstance(reply, Answer)
    assert reply.text == ("To travel:\n- Ask your manager for leave\n- Book trains in second class")
    assert reply.record.withheld == ("2. Pack 99 bags",)
    whole = build(page, says=told.replace("2. Pack 99 bags\n3.", "2."))
    assert whole.ask("How do I travel?", readable=OPERATOR).text == (
        "To travel:\n1. Ask your manager for leave\n2. Book trains in second class"
    )


def test_ask_below_the_least_confidence_abstains(build: Callable[..., Engine]) -> None:
    reply = build(LEAVE, min_confidence=1.0).ask(QUESTION, readable=OPERATOR)
    assert isinstance(reply, Abstention)
    assert reply.reason is AbstentionReason.LOW_CONFIDENCE
    assert 0 < reply.record.confidence < 1


def test_ask_of_nothing_is_refused(build: Callable[..., Engine]) -> None:
    with pytest.raises(InvalidQuestionError):
        build(LEAVE).ask(" ", readable=OPERATOR)


def test_ask_tells_the_listener_evidence_then_text_then_verdicts(
    build: Callable[..., Engine],
) -> None:
    events: list[Event] = []
    reply = build(LEAVE).ask(QUESTION, readable=OPERATOR, listener=events.append)
    assert events[0] == QuestionResolved(question=QUESTION)
    assert isinstance(events[1], BestEvidence)
    assert events[2] == EvidenceChosen(documents=frozenset({DocumentId("handbook.md")}))
    assert isinstance(events[3], TextPiece)
    assert isinstance(events[-1], SentenceChecked)
    pieces = "".join(event.text for event in events if isinstance(event, TextPiece))
    assert pieces == reply.text


@pytest.mark.parametrize("at", [QuestionResolved, BestEvidence, TextPiece])
def test_ask_that_is_cancelled_has_no_reply(build: Callable[..., Engine], at: type[Event]) -> None:
    cancellation = Cancellation()
    seen: list[Event] = []

    def listen(event: Event) -> None:
        seen.append(event)
        if isinstance(event, at):
            cancellation.cancel()

    with pytest.raises(QuestionCancelledError):
        build(LEAVE).ask(QUESTION, readable=OPERATOR, listener=listen, cancellation=cancellation)
    assert not any(isinstance(event, SentenceChecked) for event in seen)


class Busy(Exception):
    """The model is with somebody else."""


class RefusingLine(WaitingLine):
    """Has everybody refused, and remembers who came."""

    def __init__(self) -> None:
        super().__init__(n_at_a_time=1, most_waiting=1, most_waiting_each=1)
        self.came: list[Ticket] = []

    def join(self, ticket: Ticket) -> None:
        self.came.append(ticket)
        raise Busy


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ((), [QuestionResolved, BestEvidence, EvidenceChosen]),
        ((Turn(role="user", content="How long is the leave?"),), []),
    ],
)
def test_ask_generates_nothing_before_its_turn(
    build: Callable[..., Engine], history: tuple[Turn, ...], told: list[type[Event]]
) -> None:
    events: list[Event] = []
    with pytest.raises(Busy):
        build(LEAVE).ask(
            "And for them?" if history else QUESTION,
            history=history,
            readable=OPERATOR,
            listener=events.append,
            ticket=RefusingLine().ticket("ann"),
        )
    assert [type(event) for event in events] == told


@pytest.mark.parametrize("question", [QUESTION, ""])
def test_ask_ends_its_turn_however_it_ends(build: Callable[..., Engine], question: str) -> None:
    line = WaitingLine(n_at_a_time=1, most_waiting=1, most_waiting_each=1)
    ticket = line.ticket("ann")
    ticket.wait(Cancellation(), lambda _: None)
    with suppress(InvalidQuestionError):
        build(LEAVE).ask(question, readable=OPERATOR, ticket=ticket)
    assert line.n_under_way == 0


def test_ask_without_evidence_waits_for_nobody(build: Callable[..., Engine]) -> None:
    line = RefusingLine()
    reply = build().ask(QUESTION, readable=OPERATOR, ticket=line.ticket("ann"))
    assert isinstance(reply, Abstention)
    assert line.came == []


def test_reply_to_json_has_every_field_of_the_contract(build: Callable[..., Engine]) -> None:
    reply = build(LEAVE).ask(QUESTION, readable=OPERATOR)
    value = reply_to_json(reply, reply_id="q1")
    assert value["id"] == "q1"
    assert value["status"] == "answered"
    assert value["reason"] is None
    assert value["sentences"] == [
        {"text": value["answer"], "support": "supported", "citations": [0]}
    ]
    citation = value["citations"][0]
    assert citation["quote"] == LEAVE[citation["start"] : citation["end"]]
    assert value["passages"][0]["shown"] is True
    assert set(value["timings_ms"]) == {"retrieve", "evidence", "ttft", "verified", "total"}
    assert value["timings_ms"]["ttft"] <= value["timings_ms"]["verified"]
    assert set(value["model"]) == {"generator", "generator_sha256", "embedder", "prompt_version"}


def test_reply_to_json_of_an_abstention_has_passages_but_no_citations(
    build: Callable[..., Engine],
) -> None:
    reply = build("Zebras graze.").ask("Who won?", readable=OPERATOR)
    value = reply_to_json(reply)
    assert value["status"] == "abstained"
    assert value["reason"] == "no_evidence"
    assert value["citations"] == value["sentences"] == []
    assert value["passages"][0]["text"] == "Zebras graze."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. It is covered.", ["Yes. It is covered."]),
        ("It covers:\n- one day\n- two days", ["It covers:\n- one day", "- two days"]),
        ("One fact. Another fact.", ["One fact.", "Another fact."]),
        ("Yes", ["Yes"]),
        ("The steps: 1. Ask. 2. Wait 5 days.", ["The steps:\n1. Ask.", "2. Wait 5 days."]),
    ],
)
def test_answer_sentences_keep_leads_with_what_they_introduce(
    text: str, expected: list[str]
) -> None:
    assert answer_sentences(text) == expected


def test_join_sentences_puts_list_items_on_lines() -> None:
    assert join_sentences(["It covers:\n- a", "- b", "Also c."]) == "It covers:\n- a\n- b Also c."


def test_ask_answers_from_the_later_edition(make_hit: Callable[..., Hit]) -> None:
    limits = [("2023", "90", 0.52), ("2025", "120", 0.5)]
    hits = tuple(
        make_hit(
            f"The hotel limit is {limit} euros a night.",
            document=f"travel-policy-{year}.md",
            title=f"Travel policy {year}",
            score=score,
        )
        for year, limit, score in limits
    )
    engine = Engine(
        retriever=ListRetriever(hits),
        embedder=FakeEmbedder(),
        generator=FakeGenerator(),
        settings=AnswerSettings(passages=1, min_confidence=0),
    )
    reply = engine.ask("What is the hotel limit a night?", readable=OPERATOR)
    assert reply.text == "The hotel limit is 120 euros a night."
