from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.calibration import Example, fit, labelled, threshold
from evals.errors import CalibrationError
from tests.evals.conftest import make_case, make_reply

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=12
)


def examples(n=200):
    """Answers of which the probe tells the right ones well, and proof nothing."""
    chance = np.random.default_rng(2)
    made = []
    for _ in range(n):
        odds = chance.normal(0, 3)
        is_right = bool(chance.random() < 1 / (1 + np.exp(-odds)))
        made.append(Example(signals={"probe": odds, "proof": chance.random()}, is_right=is_right))
    return made


def fitted(made, **options):
    known = {"most_wrong": 0.1, "generator": "g", "prompt_version": "v"}
    return fit(made, **known | options)


def test_fit_finds_how_much_each_signal_says():
    result = fitted(examples(8000))
    weights = result.calibration.coefficients
    assert weights["probe"] == pytest.approx(1, abs=0.15)  # what they were made with
    assert abs(weights["proof"]) < 0.5
    assert result.calibration_error < 0.05
    assert result.calibration.confidence({"probe": 3.0, "proof": 0.5}) > 0.9


def test_fit_keeps_to_the_wanted_risk_on_answers_it_was_not_fitted_to():
    strict, loose = (fitted(examples(), most_wrong=most) for most in (0.05, 0.3))
    assert strict.share_wrong <= 0.05
    assert loose.share_wrong <= 0.3
    assert loose.share_answered > strict.share_answered > 0.2
    assert loose.calibration.least < strict.calibration.least
    told = strict.calibration.fitted
    assert (told["answers"], told["most_wrong"]) == (200, 0.05)
    assert strict.calibration.is_for("g", "v")


def test_fit_does_not_flatter_signals_that_say_nothing():
    chance = np.random.default_rng(4)
    noise = [Example(signals={"probe": chance.normal()}, is_right=bool(n % 2)) for n in range(400)]
    result = fitted(noise, most_wrong=0.6)
    assert result.risk_area == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("n_wrong", [0, 9])
def test_fit_refuses_too_few_answers_of_a_kind(n_wrong):
    made = [Example(signals={"probe": 1.0}, is_right=n >= n_wrong) for n in range(50)]
    with pytest.raises(CalibrationError, match="too few"):
        fitted(made)


def test_fit_refuses_a_risk_that_cannot_be_kept():
    made = [Example(signals={"probe": 0.0}, is_right=bool(n % 2)) for n in range(60)]
    with pytest.raises(CalibrationError, match="no threshold keeps"):
        fitted(made, most_wrong=0.01)


@given(PAIRS, st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_threshold_gives_most_answers_at_the_risk(pairs, most_wrong):
    confidences = np.array([sure for sure, _ in pairs])
    right = np.array([float(is_right) for _, is_right in pairs])
    risks = {
        least: 1 - right[confidences >= least].mean() for least in sorted(set(confidences.tolist()))
    }
    kept = [least for least, risk in risks.items() if risk <= most_wrong + 1e-12]
    if kept:
        assert threshold(confidences, right, most_wrong + 1e-12) == min(kept)
    else:
        with pytest.raises(CalibrationError):
            threshold(confidences, right, most_wrong)


def test_labelled_takes_answers_alone_and_judges_them():
    cases = [make_case("a"), make_case("b"), make_case("c"), make_case("n", answerable=False)]
    replies = {
        "a": make_reply("a", "x") | {"signals": {"probe": 1.0}},
        "b": make_reply("b", None) | {"signals": {}},
        "n": make_reply("n", "made up") | {"signals": {"probe": -1.0}},
    }
    assert labelled(cases, replies) == (
        Example(signals={"probe": 1.0}, is_right=True),
        Example(signals={"probe": -1.0}, is_right=False),
    )
