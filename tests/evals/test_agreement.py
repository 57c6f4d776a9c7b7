"""The figures agree with the scorer whose definitions the project follows."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from evals.metrics import score_suite
from evals.suites import Suite, load_suite
from tests.evals.conftest import make_reply

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
    command = [sys.executable, scorer, "--gold", gold, "--answers", answers, "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(out.read_text())


def test_score_suite_agrees_with_the_scorer(shared_data, tmp_path):
    scorer = shared_data.parent / "score.py"
    if not scorer.is_file():
        pytest.skip("the scorer is not beside the development data")
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
