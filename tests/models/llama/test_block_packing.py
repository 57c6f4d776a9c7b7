from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.llama.block_packing import packed, unpacked
from models.llama.block_state import (
    START_BYTES,
    StateLayoutError,
    Widths,
    new_state,
    placed,
    positions_of,
    read_layout,
)
from models.llama.block_store import State
from models.llama.rotation import Rotation

ROTATION = Rotation(head_size=8, base=10_000.0, is_halved=True)
HALF_ULP = 2**-11


def state_of(
    seed: int, *, start: int = 7, n_cells: int = 5, bias: float = 0.0, scattered: bool = False
) -> State:
    """Give a state of two layers, the keys of whose first channel are around `bias`."""
    chance = np.random.default_rng(seed)
    state = new_state(b"tag-seq-one-"[:START_BYTES], 3, n_cells, 2, Widths(16, 24))
    layout = read_layout(state)
    order = chance.permutation(n_cells) if scattered else np.arange(n_cells)
    layout.cells["position"] = start + order
    turn = ROTATION.by(layout.cells["position"].astype(np.int64))
    for keys in layout.keys:
        unturned = chance.normal(size=keys.shape).astype(np.float32)
        unturned[:, 0] += bias
        keys[:] = turn.of(unturned)
    for values in layout.values:
        values[:] = chance.normal(size=values.shape)
    return state


def off(found: State, wanted: State) -> tuple[float, float]:
    """Give how far keys and values are off at most."""
    one, other = read_layout(found), read_layout(wanted)
    return tuple(
        max(float(np.abs(a.astype(np.float32) - b).max()) for a, b in zip(*pair, strict=True))
        for pair in ((one.keys, other.keys), (one.values, other.values))
    )


@given(
    st.integers(0, 999),
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.integers(1, 9),
    st.booleans(),
)
def test_unpacked_is_what_was_packed_moved_to_its_place(
    seed: int, start: int, place: int, n_cells: int, scattered: bool
) -> None:
    state = state_of(seed, start=start, n_cells=n_cells, scattered=scattered)
    found = unpacked(packed(state, ROTATION), place, ROTATION)
    assert positions_of(found).tolist() == [*range(place, place + n_cells)]
    assert len(found) == len(state)
    # A step is a 255th of a range of at most about nine; half of it, in both values of a pair.
    keys_off, values_off = off(found, placed(state, place, ROTATION))
    assert keys_off <= 9 / 255
    assert values_off <= 9 / 510


def test_packed_takes_about_half_the_bytes() -> None:
    state = state_of(1, n_cells=170)
    assert len(packed(state, ROTATION)) < 0.6 * len(state)


def test_a_large_constant_in_a_channel_of_the_keys_costs_no_precision() -> None:
    # In 16 bits the numbers around 100 are 1/16 apart.
    biased = state_of(1, bias=100.0, n_cells=50)
    keys_off, _ = off(unpacked(packed(biased, ROTATION), 7, ROTATION), biased)
    assert keys_off <= 9 / 255 + 1 / 16


def test_equal_numbers_come_back_as_they_are() -> None:
    state = state_of(1, n_cells=1)
    layout = read_layout(state)
    for rows in layout.values:
        rows[:] = 1.5
    found = read_layout(unpacked(packed(state, ROTATION), 7, ROTATION))
    assert all((rows == 1.5).all() for rows in found.values)


def test_cells_and_opening_are_those_of_the_state() -> None:
    state = state_of(1)
    found = unpacked(packed(state, ROTATION), 7, ROTATION)
    assert found[:START_BYTES] == state[:START_BYTES]
    assert (read_layout(found).cells == read_layout(state).cells).all()


def test_packed_of_a_state_with_a_gap_or_other_bytes_is_refused() -> None:
    gap, short = state_of(1), state_of(1)[:-1]
    read_layout(gap).cells["position"][2] = 99
    for broken in (gap, short, state_of(1)[:8]):
        with pytest.raises(StateLayoutError):
            packed(broken, ROTATION)


@pytest.mark.parametrize("cut", [slice(0, 5), slice(0, -1), slice(0, 40)])
def test_unpacked_of_cut_bytes_is_refused(cut: slice) -> None:
    with pytest.raises(StateLayoutError, match="bytes"):
        unpacked(packed(state_of(1), ROTATION)[cut], 7, ROTATION)


def test_unpacked_of_more_bytes_or_no_cells_is_refused() -> None:
    whole = packed(state_of(1), ROTATION)
    none = bytearray(whole)
    struct.pack_into("<I", none, START_BYTES + 4, 0)
    for broken in (whole + b"1", none):
        with pytest.raises(StateLayoutError):
            unpacked(broken, 7, ROTATION)
