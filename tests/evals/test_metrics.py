from __future__ import annotations

import pytest

from evals.metrics import METRICS, score_suite
from evals.suites import Evidence
from tests.evals.conftest import make_case, make_reply


def values(figures):
    return {name: figure.value for name, figure in figures.items()}


def test_score_suite_treats_answers_abstentions_and_missing_replies_by_definition():
    # 3 unanswerable: 2 abstained, 1 answered; 3 answerable: answered, abstained, no reply
    cases = [
        *(make_case(name, answerable=False) for name in "123"),
        *(make_case(name) for name in "456"),
    ]
    replies = {
        "1": make_reply("1", None),
        "2": make_reply("2", None, ttft=200),
        "3": make_reply("3", "made up", ttft=300),
        "4": make_reply("4", "it is x", ttft=400),
        "5": make_reply("5", None, ttft=500),
    }
    figures = score_suite(cases, replies)
    value = values(figures)
    # 2 of 3 abstentions are right, 2 of 3 unanswerable cases are caught
    assert value["abstention_precision"] == value["abstention_recall"] == pytest.approx(2 / 3)
    assert value["abstention_f1"] == pytest.approx(2 / 3)
    assert value["answer_rate"] == value["containment"] == pytest.approx(1 / 3)
    assert value["containment_if_answered"] == 1
    # tokens [it, is, x] and [x]: 2 * 1 / 4, over three cases
    assert value["f1"] == pytest.approx(0.5 / 3)
    assert (value["ttft_ms_p50"], value["total_ms_p50"]) == (300, 600)
    assert value["ttft_ms_p95"] == pytest.approx(480)
    assert (figures["answer_rate"].n, figures["ttft_ms_p50"].n) == (3, 5)
    assert list(figures) == [name for name in METRICS if name in figures]


def test_score_suite_without_unanswerable_cases_has_no_abstention_figures():
    figures = score_suite([make_case("1")], {"1": make_reply("1", "x")})
    assert not any(name.startswith("abstention") for name in figures)


def test_score_suite_counts_list_answers_by_their_facts():
    case = make_case("1", answers=("x, y",), facts=("x", "y"))
    both = values(score_suite([case], {"1": make_reply("1", "y and x")}))
    one = values(score_suite([case], {"1": make_reply("1", "only x")}))
    assert (both["containment"], both["fact_recall"]) == (1, 1)
    assert (one["containment"], one["fact_recall"]) == (0, 0.5)


def test_score_suite_counts_the_numbers_of_a_gold_answer_in_answers_and_passages():
    case = make_case("1", answers=("Sales were $1,577 million in 2023, up 4.50% from 2,000.",))
    passages = [("a.pdf", 1, "Sales | 1,577"), ("a.pdf", 1, "Growth | 4.5")]
    value = values(score_suite([case], {"1": make_reply("1", "It was 1577.", passages=passages)}))
    assert value["number_recall"] == pytest.approx(1 / 3)
    assert value["number_recall_at_1"] == pytest.approx(1 / 3)
    assert value["number_recall_at_3"] == pytest.approx(2 / 3)
    without = values(score_suite([make_case("1", answers=("In 2023, on day 5.",))], {}))
    assert not any(name.startswith("number") for name in without)


def test_score_suite_measures_retrieval_also_where_nothing_was_answered():
    reply = make_reply(
        "1", None, passages=[("b.pdf", 1, "t"), ("a.pdf", 2, "t"), ("a.pdf", 1, "t")]
    )
    value = values(score_suite([make_case("1")], {"1": reply}))
    assert (value["doc_recall_at_1"], value["doc_recall_at_3"], value["doc_mrr"]) == (0, 1, 0.5)
    assert (value["page_recall_at_3"], value["page_mrr"]) == (1, pytest.approx(1 / 3))
    assert "citation_recall_doc" not in value


def test_score_suite_scores_citations_of_answers_only():
    cases = [make_case("1"), make_case("2"), make_case("3")]
    replies = {
        "1": make_reply("1", "x", citations=[("a.pdf", 1, "t"), ("b.pdf", 1, "t")]),
        "2": make_reply("2", "x"),
        "3": make_reply("3", None),
    }
    figures = score_suite(cases, replies)
    assert values(figures)["citation_precision_doc"] == 0.5
    assert figures["citation_precision_doc"].n == 1  # answers with a citation
    assert figures["citation_recall_page"].n == 2  # answers
    assert values(figures)["cited"] == 0.5
    assert values(figures)["quote_verbatim"] == 0


def test_score_suite_applies_the_page_tolerance():
    reply = make_reply("1", "x", citations=[("a.pdf", 2, "t")], passages=[("a.pdf", 2, "t")])
    strict = values(score_suite([make_case("1")], {"1": reply}))
    loose = values(score_suite([make_case("1")], {"1": reply}, page_tolerance=1))
    for name in ("page_recall_at_1", "page_mrr", "citation_precision_page", "citation_recall_page"):
        assert (strict[name], loose[name]) == (0, 1)


def test_score_suite_without_gold_pages_has_no_page_figures():
    case = make_case("1", evidence=(Evidence(document="a.pdf", page=None),))
    figures = score_suite([case], {"1": make_reply("1", "x", citations=[("a.pdf", 1, "t")])})
    assert not any("page" in name for name in figures)
    assert values(figures)["citation_precision_doc"] == 1


def test_score_suite_without_any_reply_still_counts_every_answerable_case():
    figures = score_suite([make_case("1"), make_case("2")], {})
    assert figures["containment"].n == 2
    assert figures["containment"].value == figures["doc_recall_at_5"].value == 0
    assert "ttft_ms_p50" not in figures
