from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.bootstrap import Figure, mean_figure, percentile_figure, ratio_figure

FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_mean_figure_of_a_coin_has_the_textbook_width():
    # standard error of 100 throws: 0.05, so 95 % lie within about 0.1
    figure = mean_figure([0.0, 1.0] * 50)
    assert figure is not None
    assert figure.value == 0.5
    assert 0.38 <= figure.low <= 0.43
    assert 0.57 <= figure.high <= 0.62


def test_figures_without_cases_are_none():
    assert mean_figure([]) is None
    assert percentile_figure([], 50) is None
    assert ratio_figure([], []) is None
    assert ratio_figure([0.0], [0.0]) is None


def test_ratio_figure_counts_its_denominator():
    figure = ratio_figure([1, 0, 1], [2, 0, 1])
    assert figure is not None
    assert (figure.value, figure.n) == (pytest.approx(2 / 3), 3)


def test_percentile_figure_is_linear_between_values():
    figure = percentile_figure([100, 200, 300, 400, 500], 95)
    assert figure is not None
    assert figure.value == pytest.approx(480)


@given(FRACTIONS)
def test_mean_figure_is_repeatable_and_within_the_range_of_its_values(values):
    figure = mean_figure(values)
    assert figure == mean_figure(values)
    assert isinstance(figure, Figure)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9
