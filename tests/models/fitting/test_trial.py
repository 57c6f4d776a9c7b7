from __future__ import annotations

import json
import math

import pytest

from models.fitting.messages import trial_from_json, trial_to_json
from models.fitting.texts import load_texts
from models.fitting.trial import MAX_MEAN_KL, MIN_SURE_AGREEMENT, refusal
from tests.models.fitting.child import a_trial


def test_speedup_weighs_prompt_and_reply_of_a_typical_question() -> None:
    # 140 tokens at 100/s are 1.4 s, 24 at 20/s are 1.2 s; twice as fast reading: 0.7 s.
    assert a_trial(prefill=2, decode=1).speedup == pytest.approx(2.6 / 1.9)


def test_a_faster_and_close_candidate_is_accepted() -> None:
    assert refusal(a_trial()) is None


@pytest.mark.parametrize(
    ("prefill", "decode"),
    [(1.03, 1.03), (0.9, 1.6), (1.6, 0.9)],
    ids=["hardly faster", "slower at reading", "slower at writing"],
)
def test_a_candidate_that_is_not_worth_it_is_refused(prefill: float, decode: float) -> None:
    assert "not fast enough" in str(refusal(a_trial(prefill=prefill, decode=decode)))


@pytest.mark.parametrize(
    ("kl", "sure"),
    [
        (MAX_MEAN_KL * 1.01, 1.0),
        (0.01, MIN_SURE_AGREEMENT - 0.01),
        (math.nan, 1.0),
        (math.inf, 1.0),
    ],
)
def test_a_candidate_that_predicts_differently_is_refused(kl: float, sure: float) -> None:
    assert "predicts differently" in str(refusal(a_trial(kl=kl, sure=sure)))


def test_a_candidate_that_nobody_compared_is_refused() -> None:
    assert "not compared" in str(refusal(a_trial(kl=None)))


@pytest.mark.parametrize("trial", [a_trial(), a_trial(kl=None)])
def test_json_of_a_trial_reads_back_as_it_was(trial) -> None:
    assert trial_from_json(json.loads(json.dumps(trial_to_json(trial)))) == trial


def test_texts_are_questions_with_facts_in_several_languages() -> None:
    texts = load_texts()
    joined = "".join(text["passage"] for text in texts)
    assert len(texts) >= 8
    assert all(text["question"] and text["answer"] for text in texts)
    for sign in ("ä", "œ", "í", "ł", "访"):
        assert sign in joined
