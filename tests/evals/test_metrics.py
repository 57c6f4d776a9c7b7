from __future__ import annotations

import math

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
    # the case without a reply adds to nothing
    assert value["answer_rate"] == value["containment"] == pytest.approx(1 / 2)
    assert value["containment_if_answered"] == 1
    # tokens [it, is, x] and [x]: 2 * 1 / 4, over two cases
    assert value["f1"] == pytest.approx(0.5 / 2)
    assert (value["ttft_ms_p50"], value["total_ms_p50"]) == (300, 600)
    assert value["ttft_ms_p95"] == pytest.approx(480)
    assert (figures["answer_rate"].n, figures["ttft_ms_p50"].n) == (2, 5)
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
    dated = make_case("1", answers=("In 2023, on day 5.",))
    without = values(score_suite([dated], {"1": make_reply("1", "x")}))
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


def test_score_suite_without_any_reply_measures_nothing():
    assert score_suite([make_case("1"), make_case("2")], {}) == {}


def test_score_suite_ranks_documents_pages_and_passages():
    case = make_case(
        "1",
        evidence=(
            Evidence(document="a.pdf", page=1, quote="the lift runs daily until eight"),
            Evidence(document="b.pdf", page=2, quote="dogs ride for free"),
        ),
    )
    passages = [
        ("c.pdf", 1, "nothing of it"),
        ("a.pdf", 1, "In winter the lift runs daily until nine."),
        ("a.pdf", 9, "nothing of it either"),
        ("b.pdf", 2, "Dogs ride for free, cats do not."),
    ]
    value = values(score_suite([case], {"1": make_reply("1", None, passages=passages)}))
    # documents c a b, pages c1 a1 a9 b2, passages at ranks 2 and 4
    assert value["doc_precision_at_5"] == value["page_precision_at_5"] == 2 / 5
    assert value["doc_map"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert value["page_map"] == value["passage_map"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    best = 1 + 1 / math.log2(3)
    assert value["doc_ndcg_at_5"] == pytest.approx((1 / math.log2(3) + 1 / 2) / best)
    assert value["passage_ndcg_at_5"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)
    assert (value["passage_recall_at_3"], value["passage_recall_at_5"]) == (0.5, 1)
    assert value["passage_mrr"] == 0.5


def test_score_suite_scores_citations_sentence_by_sentence():
    quote = "the lift runs daily until eight"
    case = make_case("1", evidence=(Evidence(document="a.pdf", page=1, quote=quote),))
    reply = make_reply(
        "1",
        "x",
        citations=[("a.pdf", 1, f"We say: {quote}."), ("a.pdf", 2, "No."), ("b.pdf", 1, "No.")],
    )
    reply["sentences"] = [
        {"text": "x", "support": "supported", "citations": [0, 1]},
        {"text": "y", "support": "supported", "citations": [2]},
        {"text": "z", "support": "partial", "citations": [1]},
        {"text": "w", "support": "supported", "citations": []},
    ]
    value = values(score_suite([case], {"1": reply}))
    # citations of sentences: right by document 0 1 . 1, by page and passage 0 only
    assert value["sentence_recall_doc"] == 2 / 4
    assert value["sentence_recall_page"] == value["sentence_recall_passage"] == 1 / 4
    assert value["sentence_precision_doc"] == 3 / 4
    assert value["sentence_precision_page"] == value["sentence_precision_passage"] == 1 / 4
    assert value["citation_precision_passage"] == pytest.approx(1 / 3)
    assert value["citation_recall_passage"] == 1
    assert value["unsupported_sentences"] == 2 / 4
    assert value["fully_supported"] == 0


def test_score_suite_compares_confidence_with_what_was_right():
    cases = [make_case(name) for name in "123"] + [make_case("4", answerable=False)]
    replies = {
        "1": make_reply("1", "x", confidence=0.95),
        "2": make_reply("2", "no", confidence=0.85),
        "3": make_reply("3", None, confidence=0.1),  # an abstention is no answer
        "4": make_reply("4", "x", confidence=0.75),
    }
    figures = score_suite(cases, replies)
    # sorted by confidence: right, wrong, wrong; risks 0, 1/2, 2/3
    assert figures["risk_area"].value == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    assert figures["calibration_error"].value == pytest.approx((0.05 + 0.85 + 0.75) / 3)
    assert figures["risk_area"].n == 3


def test_score_suite_counts_what_replies_cost():
    replies = {
        "1": make_reply("1", "x") | {"spent": {"peak_memory_mb": 800.0, "joules": 12.5}},
        "2": make_reply("2", "x"),
    }
    figures = score_suite([make_case("1"), make_case("2")], replies)
    assert (figures["prompt_tokens"].value, figures["prompt_tokens_computed"].value) == (300, 20)
    # 10 tokens after the first one in 100 ms, twice
    assert figures["tokens_per_second"].value == pytest.approx(100)
    # not measured is not zero
    assert (figures["joules"].value, figures["joules"].n) == (12.5, 1)
    assert "joules" not in score_suite([make_case("2")], {"2": replies["2"]})


def test_values_of_a_gold_answer_count_with_their_units():
    case = make_case("1", answers=("25 days from 3 May 2024",))
    texts = {"25 days, from 2024-05-03.": 1, "25 hours from 3 May 2024.": 0, "25 days.": 0}
    for text, expected in texts.items():
        value = values(score_suite([case], {"1": make_reply("1", text)}))
        assert value["values_stated"] == expected, text
    assert "values_stated" not in score_suite([make_case("2")], {"2": make_reply("2", "x")})
