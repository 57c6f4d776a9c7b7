"""The figures agree with the scorer whose definitions the project follows, and with libraries."""

from __future__ import annotations

import json
import random
import runpy
import subprocess
import sys

import pytest
from rouge_score import rouge_scorer
from sklearn.metrics import precision_recall_fscore_support

from evals.case_scores import score_case
from evals.metrics import score_suite
from evals.suites import Suite, load_suite
from evals.text_metrics import rouge_l
from tests.evals.conftest import make_case, make_reply

SUITES = ("contoso-dev", "docugami-sec10q", "mmlongbench-dev", "xquad-dev-zh")
NEW_NAMES = {
    "contains": "containment",
    "contains_if_answered": "containment_if_answered",
    "abstain_precision": "abstention_precision",
    "abstain_recall": "abstention_recall",
    "abstain_f1": "abstention_f1",
    "doc_citation_precision": "citation_precision_doc",
    "doc_citation_recall": "citation_recall_doc",
    "page_citation_precision": "citation_precision_page",
    "page_citation_recall": "citation_recall_page",
}


def made_up_replies(suite: Suite):
    """Replies that are sometimes right, in every respect that is scored."""
    chance = random.Random(7)
    places = [(e.document, e.page) for case in suite.cases for e in case.evidence]
    for case in suite.cases:
        if chance.random() < 0.1:
            continue
        gold = [(e.document, e.page) for e in case.evidence]
        found = chance.sample(places, 4) + (gold if chance.random() < 0.7 else [])
        chance.shuffle(found)
        found = [(d, p and max(1, p + chance.choice([0, 0, 1]))) for d, p in found]
        words = chance.choice([*case.answers, "Yes, 1,577.00 of the plan"]).split()
        answer = " ".join(chance.sample(words, chance.randint(1, len(words))))
        text = f"{case.question}  {answer}"
        yield make_reply(
            case.id,
            None if chance.random() < 0.3 else answer,
            passages=[(*place, text) for place in found],
            citations=[(*place, chance.choice([text, answer, "never"])) for place in found[:3]],
            ttft=chance.choice([None, chance.uniform(10, 9000)]),
        )


def scorer_figures(scorer, gold, answers, out):
    # Without replies, cases add to nothing: what was not measured is not zero.
    parts = ["--gold", gold, "--answers", answers, "--out", out, "--subset"]
    command = [sys.executable, scorer, *parts]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(out.read_text())


@pytest.fixture
def scorer(shared_data):
    """The reference scorer, a program without dependencies of ours."""
    path = shared_data.parent / "score.py"
    if not path.is_file():
        pytest.skip("the scorer is not beside the development data")
    return path


def test_score_case_agrees_with_the_scorer_to_the_last_digit(shared_data, scorer):
    theirs = runpy.run_path(str(scorer))
    n_compared = 0
    for name in SUITES:
        path = shared_data / "suites" / f"{name}.jsonl"
        suite, slack = load_suite(path), load_suite(path).page_tolerance
        gold = {one["id"]: one for one in map(json.loads, path.read_text("utf-8").splitlines())}
        replies = {reply["id"]: reply for reply in made_up_replies(suite)}
        for case in suite.cases:
            reply, question = replies.get(case.id), gold[case.id]
            if reply is None or not case.answerable:
                continue
            answered = reply["status"] == "answered"
            expected = theirs["answer_metrics"](question, reply["answer"] if answered else "")
            if case.evidence:
                expected |= theirs["retrieval_metrics"](question, reply["passages"])
                if answered:
                    expected |= theirs["citation_metrics"](question, reply["citations"])
            ours = dict(score_case(case, reply, slack))
            for metric, value in expected.items():
                if ("~1" in metric) != (slack > 0 and metric.startswith("page_")):
                    continue
                metric = metric.replace("~1", "")
                metric = NEW_NAMES.get(metric, metric.replace("@", "_at_"))
                assert ours[metric] == pytest.approx(value, abs=1e-9), metric
                n_compared += 1
    assert n_compared > 5000


def test_score_suite_agrees_with_the_scorer(shared_data, scorer, tmp_path):
    answers = tmp_path / "answers"
    answers.mkdir()
    ours = {}
    for name in SUITES:
        suite = load_suite(shared_data / "suites" / f"{name}.jsonl")
        replies = {reply["id"]: reply for reply in made_up_replies(suite)}
        lines = "".join(json.dumps(reply) + "\n" for reply in replies.values())
        (answers / f"{name}.jsonl").write_text(lines)
        ours[name] = score_suite(suite.cases, replies, page_tolerance=suite.page_tolerance)
    theirs = scorer_figures(scorer, shared_data, answers, tmp_path / "out.json")
    n_compared = 0
    for name, figures in ours.items():
        loose = theirs[name]["page_tolerance"] > 0
        for metric, figure in theirs[name]["figures"].items():
            if ("~1" in metric) != (loose and metric.startswith("page_")):
                continue
            metric = metric.replace("~1", "")
            metric = NEW_NAMES.get(metric, metric.replace("@", "_at_"))
            mine = figures[metric]
            for part in ("value", "low", "high"):
                assert getattr(mine, part) == pytest.approx(figure[part], abs=6e-5), metric
            n_compared += 1
    assert n_compared > 80


def test_rouge_agrees_with_the_library_where_words_are_ascii():
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    chance = random.Random(9)
    words = ["The", "cat", "sat", "on", "a", "mat", "10", "x2", "e.g.", "don't"]
    for _ in range(200):
        said, gold = (" ".join(chance.choices(words, k=chance.randint(1, 15))) for _ in range(2))
        theirs = scorer.score(gold, said)["rougeL"].fmeasure
        assert rouge_l(said, gold) == pytest.approx(theirs, abs=1e-9)


def test_abstention_figures_agree_with_the_library():
    chance = random.Random(10)
    cases = [make_case(str(n), answerable=chance.random() < 0.6) for n in range(60)]
    replies = {
        case.id: make_reply(case.id, None if chance.random() < 0.4 else "x") for case in cases
    }
    figures = score_suite(cases, replies)
    truth = [not case.answerable for case in cases]
    said = [replies[case.id]["status"] == "abstained" for case in cases]
    theirs = precision_recall_fscore_support(truth, said, average="binary")[:3]
    ours = [figures[f"abstention_{name}"].value for name in ("precision", "recall", "f1")]
    assert ours == pytest.approx(theirs, abs=1e-9)
