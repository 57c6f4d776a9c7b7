from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.measures import (
    calibration_error,
    calibration_error_of,
    mean_of,
    percentile_of,
    ratio_of,
    risk_area,
    risk_area_of,
)

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.sampled_from([0.0, 1.0])),
    min_size=1,
    max_size=8,
)


def test_measures_of_no_case_have_no_figure():
    for measure in (mean_of({}), ratio_of({}), percentile_of({}, 50), risk_area_of({})):
        assert measure.figure() is None
    assert ratio_of({"a": (0.0, 0.0)}).figure() is None


def test_ratio_counts_its_denominator():
    figure = ratio_of({"a": (1, 2), "b": (0, 0), "c": (1, 1)}).figure()
    assert figure is not None
    assert (figure.value, figure.n) == (pytest.approx(2 / 3), 3)


def test_percentile_is_linear_between_values():
    figure = percentile_of({str(n): n for n in (100, 200, 300, 400, 500)}, 95).figure()
    assert figure is not None
    assert figure.value == pytest.approx(480)


def test_only_means_of_zeros_and_ones_are_yes_or_no():
    assert mean_of({"a": 1.0, "b": 0.0}).is_yes_or_no
    assert not mean_of({"a": 1.0, "b": 0.5}).is_yes_or_no
    assert not ratio_of({"a": (1.0, 1.0)}).is_yes_or_no


@given(PAIRS)
def test_risk_area_takes_the_wrong_ones_of_equals_first(pairs):
    ordered = sorted(pairs, key=lambda pair: (-pair[0], -pair[1]))
    wrong = [wrong for _, wrong in ordered]
    risks = [sum(wrong[:n]) / n for n in range(1, len(wrong) + 1)]
    assert float(risk_area(np.array(pairs))) == pytest.approx(sum(risks) / len(pairs))


@given(PAIRS)
def test_risk_area_and_calibration_error_do_not_depend_on_the_order(pairs):
    for statistic in (risk_area, calibration_error):
        there, back = (float(statistic(np.array(p))) for p in (pairs, pairs[::-1]))
        assert there == pytest.approx(back)
        assert 0 <= there <= 1


def test_calibration_error_is_the_distance_in_each_bin():
    # bin 0.8 to 0.9: mean confidence 0.85, one of two right; bin 0.2: 0.2 and none right
    figure = calibration_error_of({"a": (0.8, 1), "b": (0.89, 0), "c": (0.2, 0)}).figure()
    assert figure is not None
    assert figure.value == pytest.approx((abs(1.69 - 1) + 0.2) / 3)


def test_statistics_take_many_samples_at_a_time():
    pairs = np.random.default_rng(3).random((4, 6, 2)).round(1)
    for statistic in (risk_area, calibration_error):
        assert statistic(pairs) == pytest.approx([float(statistic(one)) for one in pairs])
