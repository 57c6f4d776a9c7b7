from __future__ import annotations

import pytest

from assistant.cancellation import Cancellation
from assistant.errors import InvalidQuestionError
from assistant.question import (
    AnswerForm,
    AskedValue,
    answer_form,
    asked_value,
    check_question,
    is_follow_up,
    resolve_follow_up,
)
from assistant.types import Turn
from models.fakes import FakeGenerator, FakeStream
from models.types import GenerationRequest, Prompt

HISTORY = (
    Turn(role="user", content="How much annual leave do employees get?"),
    Turn(role="assistant", content="Employees get 25 days of annual leave."),
)


class Recorder(FakeGenerator):
    """Notes the prompts it is given."""

    def __init__(self, prompts: list[Prompt]) -> None:
        super().__init__()
        self._prompts = prompts

    def stream(self, request: GenerationRequest) -> FakeStream:
        self._prompts.append(request.prompt)
        return super().stream(request)


@pytest.mark.parametrize("question", ["", "   \n", "???", "\x00"])
def test_check_question_refuses_what_is_none(question: str) -> None:
    with pytest.raises(InvalidQuestionError, match="empty"):
        check_question(question, max_chars=100)


def test_check_question_refuses_a_hundred_thousand_characters() -> None:
    with pytest.raises(InvalidQuestionError, match="100,000 characters, at most 4,000"):
        check_question("a" * 100_000, max_chars=4000)


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("When does leave expire?", AnswerForm.SHORT),
        ("How many days of leave do I get?", AnswerForm.SHORT),
        ("Who approves travel?", AnswerForm.SHORT),
        ("What is the name of the plan?", AnswerForm.SHORT),
        ("What is the deadline for claims?", AnswerForm.SHORT),
        ("Is dental care covered?", AnswerForm.YES_NO),
        ("Why was the office moved?", AnswerForm.FULL),
        ("Compare the two plans.", AnswerForm.FULL),
        ("What are the steps to appeal?", AnswerForm.FULL),
        ("How do I appeal a decision?", AnswerForm.FULL),
        ("What benefits does the plan have?", AnswerForm.FULL),
        ("What coverage for braces does the plan offer?", AnswerForm.FULL),
        ("Capital of the region", AnswerForm.SHORT),
        ("When are trips refunded?", AnswerForm.FULL),
        ("How has the budget changed?", AnswerForm.FULL),
        ("What changes in pay were announced?", AnswerForm.FULL),
        ("What was the mission of the club?", AnswerForm.FULL),
        ("Revenue over the last five quarters", AnswerForm.FULL),
        ("What is the fee, and for which claims is it due?", AnswerForm.FULL),
        ("Is dental care covered, and how much is paid?", AnswerForm.FULL),
        ("Did the price change? If so, by what?", AnswerForm.FULL),
        ("How long is a cycle in the usual process?", AnswerForm.SHORT),
        ("Who is responsible for the steps of the procedure?", AnswerForm.SHORT),
        ("What share of state budgets do grants provide?", AnswerForm.SHORT),
        ("What is the process of an appeal?", AnswerForm.FULL),
    ],
)
def test_answer_form_follows_the_wording_of_the_question(question: str, form: AnswerForm) -> None:
    assert answer_form(question) is form


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("When does leave expire?", AskedValue.DATE),
        ("In which year was the office moved?", AskedValue.DATE),
        ("How many days of leave do I get?", AskedValue.NUMBER),
        ("What share of the budget is spent?", AskedValue.NUMBER),
        ("Who approves travel?", None),
        ("When was it moved, and how much did it cost?", None),
    ],
)
def test_asked_value_follows_the_wording_of_the_question(
    question: str, value: AskedValue | None
) -> None:
    assert asked_value(question) is value


@pytest.mark.parametrize(
    ("question", "follows"),
    [
        ("Does it expire?", True),
        ("And for contractors?", True),
        ("Why?", True),
        ("Who may drive the forklifts stored in there?", True),
        ("How many weeks of leave come after that?", True),
        ("Does the rule for lost laptops apply to the second one?", True),
        ("Which holidays does the office in Lisbon observe every year?", False),
        ("Which documents say that every visitor needs a badge?", False),
        ("How often are fire drills held at this company?", False),
        ("Which rules are there about leave in the first year?", False),
        ("How much parental leave does one parent get?", False),
    ],
)
def test_is_follow_up_notices_references(question: str, *, follows: bool) -> None:
    assert is_follow_up(question) is follows


def test_resolve_follow_up_without_history_changes_nothing() -> None:
    resolved = resolve_follow_up("Does it expire?", (), FakeGenerator(), Cancellation())
    assert resolved == "Does it expire?"


def test_resolve_follow_up_of_a_whole_question_changes_nothing() -> None:
    question = "Which holidays does the office in Lisbon observe every year?"
    assert resolve_follow_up(question, HISTORY, FakeGenerator(), Cancellation()) == question


def test_resolve_follow_up_does_not_trust_invented_words() -> None:
    # The stand-in replies "The passages do not say.", words that nobody used.
    resolved = resolve_follow_up("Does it expire?", HISTORY, FakeGenerator(), Cancellation())
    assert resolved == "How much annual leave do employees get? Does it expire?"


def test_resolve_follow_up_does_not_take_an_answer_for_a_question() -> None:
    answers = FakeGenerator(reply="Annual leave is 25 days.")
    question = "What is annual leave?"
    assert resolve_follow_up(question, HISTORY, answers, Cancellation()) == question


def test_resolve_follow_up_takes_a_rewriting_in_the_words_of_the_conversation() -> None:
    rewrites = FakeGenerator(reply="Does the annual leave of employees expire?")
    resolved = resolve_follow_up("Does it expire?", HISTORY, rewrites, Cancellation())
    assert resolved == "Does the annual leave of employees expire?"


def test_resolve_follow_up_that_comes_back_as_it_was_is_joined_with_the_earlier_question() -> None:
    echoes = FakeGenerator(reply="And does it expire?")
    resolved = resolve_follow_up("And does it expire?", HISTORY, echoes, Cancellation())
    assert resolved == "How much annual leave do employees get? And does it expire?"


def test_resolve_follow_up_that_leans_as_before_is_joined_with_the_earlier_question() -> None:
    leans = FakeGenerator(reply="And does the leave expire?")
    resolved = resolve_follow_up("And does it expire?", HISTORY, leans, Cancellation())
    assert resolved == "How much annual leave do employees get? And does it expire?"


def test_resolve_follow_up_without_a_rewriting_keeps_a_question_that_stands_for_itself() -> None:
    silent = FakeGenerator(reply="")
    question = "What is annual leave?"
    assert resolve_follow_up(question, HISTORY, silent, Cancellation()) == question


def test_exchanges_given_begin_with_the_same_one_for_several_questions() -> None:
    turns = [
        Turn(role=role, content=f"{role} {n}") for n in range(6) for role in ("user", "assistant")
    ]
    given = []
    for n_exchanges in range(1, 7):
        prompts: list[Prompt] = []
        resolve_follow_up("And it?", turns[: 2 * n_exchanges], Recorder(prompts), Cancellation())
        given.append(prompts[0].passages)
        assert prompts[0].grows
    assert [len(passages) for passages in given] == [1, 2, 3, 2, 3, 2]
    assert given[0] == ("Conversation:\nUser: user 0\nAssistant: assistant 0\n",)
    assert given[1] == given[2][:2]
    assert given[3] == given[4][:2]
    assert given[5][-1] == "User: user 5\nAssistant: assistant 5\n"


def test_conversation_that_begins_with_an_answer_is_given_whole() -> None:
    prompts: list[Prompt] = []
    turns = [Turn(role="assistant", content="Hello."), Turn(role="user", content="Who?")]
    resolve_follow_up("And it?", turns, Recorder(prompts), Cancellation())
    assert prompts[0].passages == ("Conversation:\nAssistant: Hello.\n", "User: Who?\n")
