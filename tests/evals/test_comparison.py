from __future__ import annotations

import random
from dataclasses import replace

import pytest
from scipy.stats import permutation_test

from evals.comparison import Test as Kind
from evals.comparison import compare_runs, difference_of, is_worse, worst_loss
from evals.comparison_report import comparison_to_json, comparison_to_markdown
from evals.errors import RunError
from evals.measures import mean_of, ratio_of
from evals.outcomes import Outcome
from evals.runs import Plan, start_run
from evals.suites import Suite
from tests.evals.conftest import make_case, make_reply

NAMES = "abcdefgh"


def run_of(store, answers, *, cases=None, name="own"):
    """A finished run; a case whose answer is an error has none."""
    cases = cases or tuple(make_case(one) for one in answers)
    suite = Suite(name=name, sha256="0" * 64, cases=cases)

    def ask(case):
        answer = answers[case.id]
        if isinstance(answer, Exception):
            raise answer
        return make_reply(case.id, answer)

    return start_run(store, Plan(suites=(suite,), subject={})).ask_all(ask, lambda _: None)


def test_compare_runs_pairs_cases_and_lists_what_flipped(store):
    left = run_of(store, dict.fromkeys(NAMES, "x") | {"a": "no", "b": None})
    right = run_of(store, dict.fromkeys(NAMES, "x") | {"c": "no"})
    suite = compare_runs(left, right).suites["own"]
    contained = suite.differences["containment"]
    assert (contained.left, contained.right) == (6 / 8, 7 / 8)
    assert contained.change.value == pytest.approx(1 / 8)
    assert contained.change.low < 0 < contained.change.high
    assert contained.test is Kind.MCNEMAR
    assert contained.p_value == 1  # two for it, one against: 3 throws of a coin
    assert [(f.case.id, f.left, f.right, f.is_better) for f in suite.flips] == [
        ("a", Outcome.WRONG, Outcome.RIGHT, True),
        ("b", Outcome.WRONGLY_ABSTAINED, Outcome.RIGHT, True),
        ("c", Outcome.RIGHT, Outcome.WRONG, False),
    ]
    assert suite.flips[0].left_reply["answer"] == "no"


def test_metrics_of_answers_are_compared_on_cases_that_both_answered(store):
    left = run_of(store, {"a": "x", "b": None, "c": "no"})
    right = run_of(store, {"a": "x", "b": "x", "c": None})
    difference = compare_runs(left, right).suites["own"].differences["containment_if_answered"]
    assert (difference.left, difference.right, difference.change.n) == (1, 1, 1)


def test_cases_without_a_pair_are_left_out_and_say_why(store):
    left = run_of(store, {"a": "x", "b": "x", "c": RuntimeError("crash"), "d": "x"})
    changed = replace(make_case("d"), question="Something else?")
    cases = (make_case("a"), make_case("c"), changed, make_case("e"))
    right = run_of(store, dict.fromkeys("ace", "x") | {"d": "x"}, cases=cases)
    suite = compare_runs(left, right).suites["own"]
    assert suite.n == 1
    assert suite.left_out == {
        "b": "only the left run asks it",
        "c": "no reply in the left run",
        "d": "the case was changed between the runs",
        "e": "only the right run asks it",
    }


def test_runs_with_nothing_in_common_are_refused(store):
    left = run_of(store, {"a": "x"})
    for right in (run_of(store, {"b": "x"}), run_of(store, {"a": "x"}, name="other")):
        with pytest.raises(RunError, match="no answered case in common"):
            compare_runs(left, right)


def test_mcnemar_is_the_sign_test_of_the_discordant_cases():
    left = mean_of({str(n): float(n < 2) for n in range(20)})
    right = mean_of({str(n): float(2 <= n < 10) for n in range(20)})
    difference = difference_of(left, right)
    assert difference is not None
    # 8 gained, 2 lost, of 10 throws of a coin: 2 * (1 + 10 + 45) / 1024
    assert difference.p_value == pytest.approx(2 * 56 / 1024)


def test_randomisation_agrees_with_the_library_on_means():
    chance = random.Random(5)
    before = {str(n): chance.random() for n in range(9)}
    after = {one: value + chance.gauss(0.1, 0.2) for one, value in before.items()}
    ours = difference_of(mean_of(before), mean_of(after))
    theirs = permutation_test(
        (list(after.values()), list(before.values())),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=10_000,
    )
    assert ours is not None
    assert ours.test is Kind.SWAPS
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.04)


def test_ratios_are_compared_as_ratios():
    left = ratio_of({"a": (1, 2), "b": (0, 2)})
    right = ratio_of({"a": (2, 2), "b": (1, 6)})
    difference = difference_of(left, right)
    assert difference is not None
    assert (difference.left, difference.right) == (1 / 4, 3 / 8)
    assert difference_of(ratio_of({"a": (0, 0)}), ratio_of({"a": (1, 1)})) is None
    assert difference_of(ratio_of({"a": (1, 1)}), ratio_of({"b": (1, 1)})) is None


def test_worse_depends_on_what_the_metric_wants():
    up = difference_of(
        mean_of(dict.fromkeys(NAMES, 0.2) | {"z": 0.1}),
        mean_of(dict.fromkeys(NAMES, 0.4) | {"z": 0.3}),
    )
    assert up is not None
    assert is_worse("risk_area", up)
    assert not is_worse("f1", up)
    assert worst_loss("risk_area", up) == pytest.approx(0.2)
    assert worst_loss("f1", up) == pytest.approx(-0.2)


def test_both_forms_say_the_same(store):
    left = run_of(store, {"a": "no", "b": "x", "c": None})
    right = run_of(store, {"a": "x", "b": "x", "c": None})
    comparison = compare_runs(left, right)
    told = comparison_to_json(comparison)["suites"]["own"]
    assert told["differences"]["containment"]["difference"] == pytest.approx(1 / 3)
    assert told["flips"] == [
        {
            "id": "a",
            "question": "What is a?",
            "answers": ["x"],
            "left": {"outcome": "wrong", "answer": "no"},
            "right": {"outcome": "right", "answer": "x"},
        }
    ]
    text = comparison_to_markdown(comparison)
    assert f"# Run {right.id} compared with {left.id}" in text
    assert "| containment | 0.333 | 0.667 | +0.333 | +0.000 – +1.000 | 1.000 | 3 |" in text
    assert "Flipped: 1 cases, 1 of them right now." in text
    assert "- left, wrong: no" in text
