from __future__ import annotations

import pytest

from evals.coverage import missing_documents
from evals.outcomes import Outcome, judge
from evals.suites import Evidence, Suite
from tests.evals.conftest import make_case, make_reply


@pytest.mark.parametrize(
    ("gold", "answer", "outcome"),
    [
        ("26 days", "You have 26 days a year.", Outcome.RIGHT),
        ("26 days", "25 days", Outcome.WRONG),  # F1 0.5, but short
        # F1 over 6 words: 2 * 3 / (6 + 6) = 0.5 and 2 * 2 / (6 + 6)
        ("one two three four five six", "three two one x y z", Outcome.RIGHT),
        ("one two three four five six", "two one x y z w", Outcome.WRONG),
        ("26 days", None, Outcome.WRONGLY_ABSTAINED),
    ],
)
def test_judge_of_an_answerable_case(gold, answer, outcome):
    assert judge(make_case("a", answers=(gold,)), make_reply("a", answer)) is outcome


def test_judge_takes_all_facts_for_a_gold_answer():
    case = make_case("a", answers=("a text of many quite other words",), facts=("red", "blue"))
    assert judge(case, make_reply("a", "red, and blue")) is Outcome.RIGHT
    assert judge(case, make_reply("a", "red, and green")) is Outcome.WRONG


def test_judge_of_a_case_that_is_not_answerable():
    case = make_case("a", answerable=False)
    assert judge(case, make_reply("a", None)) is Outcome.RIGHT
    assert judge(case, make_reply("a", "x")) is Outcome.WRONGLY_ANSWERED


def test_judge_of_a_case_without_a_reply():
    assert judge(make_case("a"), None) is Outcome.UNSCORED
    assert judge(make_case("a", answerable=False), None) is Outcome.UNSCORED


def test_missing_documents_are_told_by_their_last_part_and_once():
    cases = [
        make_case(name, evidence=(Evidence(document=document, page=None),))
        for name, document in (("a", "hr/A.pdf"), ("b", "b.pdf"), ("c", "x/b.pdf"), ("d", "b.pdf"))
    ]
    suite = Suite(name="own", sha256="", cases=tuple(cases))
    assert missing_documents(suite, ["corpus/a.pdf"]) == ("b.pdf", "x/b.pdf")
