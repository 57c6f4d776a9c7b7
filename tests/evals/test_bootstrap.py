from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.bootstrap import Figure, mean, mean_figure, paired_difference

FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_mean_figure_of_a_coin_has_the_textbook_width():
    # standard error of 100 throws: 0.05, so 95 % lie within about 0.1
    figure = mean_figure([0.0, 1.0] * 50)
    assert figure is not None
    assert figure.value == 0.5
    assert 0.38 <= figure.low <= 0.43
    assert 0.57 <= figure.high <= 0.62


def test_mean_figure_without_values_is_none():
    assert mean_figure([]) is None


def test_paired_difference_is_of_the_same_cases():
    # Each case gains 0.1: that is certain, though the cases differ widely.
    left = np.linspace(0, 0.9, 10)[:, np.newaxis]
    change = paired_difference(mean, left, left + 0.1)
    assert change is not None
    assert (change.value, change.low, change.high) == pytest.approx((0.1, 0.1, 0.1))
    assert change.n == 10


@given(FRACTIONS)
def test_mean_figure_is_repeatable_and_within_the_range_of_its_values(values):
    figure = mean_figure(values)
    assert figure == mean_figure(values)
    assert isinstance(figure, Figure)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9
