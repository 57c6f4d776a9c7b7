from __future__ import annotations

import pytest

from evals.layers import Layer, lost_in
from evals.suites import Evidence
from tests.evals.conftest import make_case, make_reply

QUOTE = "The lift runs daily until eight."
TEXT = f"Of the town. {QUOTE} Dogs ride for free."
SHOWN = [[len("Of the town. "), len("Of the town. ") + len(QUOTE)]]
OTHER = [[0, len("Of the town.")]]


def case_of(*, quote=QUOTE, page=1):
    evidence = (Evidence(document="a.pdf", page=page, quote=quote),)
    return make_case("1", answers=("until eight",), evidence=evidence)


def reply_of(answer, *, text=TEXT, shown=SHOWN, document="a.pdf", cited="a.pdf", gold=None):
    cites = [(cited, 1, QUOTE)]
    reply = make_reply("1", answer, passages=[(document, 1, text)], citations=cites)
    reply["passages"][0]["shown_parts"] = shown
    return reply | {"gold": gold or {"in_corpus": True, "in_text": True}}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (reply_of("Until eight."), None),
        (reply_of("Until eight.", cited="b.pdf"), Layer.ATTRIBUTION),
        (reply_of("Until nine."), Layer.GENERATION),
        (reply_of(None), Layer.ABSTENTION),
        (reply_of("Until nine.", shown=OTHER), Layer.CONTEXT),
        (reply_of(None, shown=[]), Layer.CONTEXT),
        (reply_of("Until nine.", text="Of the town. Dogs ride for free."), Layer.RETRIEVAL),
        (reply_of("Until nine.", document="b.pdf"), Layer.RETRIEVAL),
        (reply_of(None, gold={"in_corpus": True, "in_text": False}), Layer.PARSING),
        (reply_of(None, gold={"in_corpus": False, "in_text": None}), Layer.CORPUS),
    ],
)
def test_a_case_is_lost_in_the_first_layer_that_lacks_the_gold_evidence(reply, expected):
    assert lost_in(case_of(), reply) is expected


def test_unanswerable_cases_are_lost_where_an_answer_came_through():
    case = make_case("1", answerable=False)
    assert lost_in(case, make_reply("1", None)) is None
    assert lost_in(case, make_reply("1", "x")) is Layer.LET_THROUGH


def test_without_a_gold_quote_the_page_is_enough():
    case = case_of(quote=None)
    assert lost_in(case, reply_of("No.", text="In other words.", shown=[[0, 5]])) is (
        Layer.GENERATION
    )
    other_page = case_of(quote=None, page=3)
    assert lost_in(other_page, reply_of("No.")) is Layer.RETRIEVAL
    assert lost_in(other_page, reply_of("No."), page_tolerance=2) is Layer.GENERATION


def test_without_evidence_every_passage_may_hold_the_answer():
    case = make_case("1", answers=("until eight",), evidence=())
    assert lost_in(case, reply_of("Until eight.")) is None
    assert lost_in(case, reply_of("No.")) is Layer.GENERATION


def test_what_was_not_looked_up_is_not_guessed():
    reply = reply_of(None, text="Nothing of it.")
    del reply["gold"]
    assert lost_in(case_of(), reply) is Layer.RETRIEVAL


@pytest.mark.parametrize(("shown", "expected"), [(True, Layer.GENERATION), (False, Layer.CONTEXT)])
def test_replies_that_tell_no_parts_showed_a_passage_whole_or_not_at_all(shown, expected):
    reply = reply_of("Until nine.")
    del reply["passages"][0]["shown_parts"]
    reply["passages"][0]["shown"] = shown
    assert lost_in(case_of(), reply) is expected
