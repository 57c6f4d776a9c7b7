from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.llama.rotation import Rotation

ROUNDING = 1e-5
STEPS = st.integers(-4000, 4000)


def keys_of(seed: int) -> np.ndarray:
    """Give the keys of three tokens with two heads."""
    return np.random.default_rng(seed).uniform(-4, 4, (3, 16)).astype(np.float32)


def rotation_of(is_halved: bool) -> Rotation:
    return Rotation(head_size=8, base=10_000.0, is_halved=is_halved)


@given(STEPS, st.booleans(), st.integers(0, 2**32 - 1))
def test_turned_there_and_back_is_the_same(steps: int, is_halved: bool, seed: int) -> None:
    rotation, keys = rotation_of(is_halved), keys_of(seed)
    back = rotation.by(-steps).of(rotation.by(steps).of(keys.copy()))
    assert np.abs(back - keys).max() <= ROUNDING


@given(st.lists(STEPS, min_size=3, max_size=3), st.booleans(), st.integers(0, 2**32 - 1))
def test_each_token_is_turned_by_its_own_step(steps: list[int], is_halved: bool, seed: int) -> None:
    rotation, keys = rotation_of(is_halved), keys_of(seed)
    together = rotation.by(np.array(steps)).of(keys.copy())
    for index, step in enumerate(steps):
        alone = rotation.by(step).of(keys[index : index + 1].copy())
        assert (together[index] == alone[0]).all()


@pytest.mark.parametrize(("is_halved", "expected"), [(True, [2, 0, -1, 0]), (False, [0, -1, 0, 0])])
def test_the_first_pair_turns_by_one_radian_a_step(is_halved: bool, expected: list[float]) -> None:
    # 11 radians are a turn and three quarters, but for 0.004.
    rotation = Rotation(head_size=4, base=1e9, is_halved=is_halved)
    keys = np.array([[1, 0, 2, 0] if is_halved else [1, 0, 0, 0]], np.float32)
    assert rotation.by(11).of(keys)[0] == pytest.approx(expected, abs=0.02)
