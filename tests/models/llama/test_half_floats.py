from __future__ import annotations

import numpy as np
import pytest

from models.llama.half_floats import from_half, to_half

HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)
FINITE = HALVES[np.isfinite(HALVES)]


def test_every_16_bit_float_comes_back_as_it_was() -> None:
    found = np.empty_like(FINITE)
    to_half(from_half(FINITE), found)
    assert (found.view(np.uint16) == FINITE.view(np.uint16)).all()
    assert (from_half(FINITE) == FINITE.astype(np.float32)).all()


def test_values_are_rounded_as_by_numpy() -> None:
    chance = np.random.default_rng(1)
    near = np.sort(FINITE[FINITE > 0].astype(np.float32))
    halfway = (near[1:] + near[:-1]) / 2
    values = np.concatenate(
        [halfway, -halfway, chance.normal(size=4096), chance.uniform(-7e4, 7e4, 4096)]
    ).astype(np.float32)
    found = np.empty(values.shape, np.float16)
    to_half(values, found)
    with np.errstate(over="ignore"):
        assert (found == values.astype(np.float16)).all()


def test_what_does_not_lie_together_is_refused() -> None:
    halves = np.zeros((4, 4), np.float16)
    with pytest.raises(ValueError, match="not contiguous"):
        from_half(halves[:, ::2])
    with pytest.raises(ValueError, match="not contiguous"):
        to_half(halves, halves)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no place"):
        to_half(np.zeros((4, 3), np.float32), halves)
