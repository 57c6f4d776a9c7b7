from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from models.llama.block_state import (
    StateLayoutError,
    first_keys,
    placed,
    positions_of,
)
from models.llama.context import LlamaContext
from models.llama.model import LlamaModel
from models.llama.rotation import Rotation
from models.llama.units import BlockUnit, Part

SMOLLM = Rotation(head_size=64, base=100_000.0, is_halved=False)
HALF_ULP = 2**-10
"""Of a 16-bit float, relative: what is left out of a value when it is stored."""


@pytest.fixture(scope="module")
def context(model: LlamaModel) -> Iterator[LlamaContext]:
    context = LlamaContext(model, context_tokens=1024, threads=2, is_cancelled=lambda: False)
    yield context
    context.close()


@pytest.fixture(scope="module")
def block(model: LlamaModel) -> BlockUnit:
    text = "[Handbook]\nThe shop opens at nine. It closes at six."
    return BlockUnit("1/2", tuple(model.tokenise(text)))


def computed(context: LlamaContext, model: LlamaModel, block: BlockUnit, start: int) -> bytearray:
    head = tuple(model.tokenise("Answer from the documents. " * start)[:start])
    sequence = context.begin((head, block))
    try:
        if not context.units_held(sequence):
            context.compute([Part(sequence, head)])
            context.add(sequence, head)
        scratch = context.prepare_block(sequence)
        context.compute([Part(scratch, block.tokens)])
        return context.take_block(sequence)
    finally:
        context.end(sequence)


def test_placed_turns_keys_as_computing_them_there_does(
    context: LlamaContext, model: LlamaModel, block: BlockUnit
) -> None:
    here, there = (computed(context, model, block, start) for start in (7, 93))
    moved = placed(here, 93, SMOLLM)
    assert (
        positions_of(moved).tolist()
        == positions_of(there).tolist()
        == [*range(93, 93 + len(block))]
    )
    # The keys of the first layer depend on token and position alone.
    largest = np.abs(first_keys(there)).max()
    assert np.abs(first_keys(moved) - first_keys(there)).max() <= 4 * HALF_ULP * largest
    assert np.abs(first_keys(here) - first_keys(there)).max() > 0.1 * largest


def test_placed_where_it_was_changes_nothing(
    context: LlamaContext, model: LlamaModel, block: BlockUnit
) -> None:
    state = computed(context, model, block, 7)
    assert placed(state, 7, SMOLLM) == state


def in_cell_order(state: bytearray, order: list[int]) -> bytearray:
    """Return a state as llama.cpp writes it if its cells lie in another order in the cache."""
    n_cells = len(order)
    cells_at, layers_at = 16, 16 + 12 * n_cells
    result = bytearray(state)

    def reorder(start: int, row_bytes: int) -> None:
        for index, source in enumerate(order):
            begin = start + source * row_bytes
            to = start + index * row_bytes
            result[to : to + row_bytes] = state[begin : begin + row_bytes]

    reorder(cells_at, 12)
    at = layers_at + 8
    while at < len(state):
        (row_bytes,) = struct.unpack_from("<Q", state, at + 4)
        reorder(at + 12, row_bytes)
        at += 12 + n_cells * row_bytes
    return result


def test_placed_does_not_depend_on_where_the_cells_lie_in_the_cache(
    context: LlamaContext, model: LlamaModel, block: BlockUnit
) -> None:
    state = computed(context, model, block, 7)
    order = np.random.default_rng(3).permutation(len(block)).tolist()
    scattered = in_cell_order(state, order)
    assert positions_of(scattered).tolist() == [7 + index for index in order]
    assert (first_keys(scattered) == first_keys(state)).all()
    assert placed(scattered, 93, SMOLLM) == placed(state, 93, SMOLLM)


def test_placed_of_bytes_that_are_no_state_is_refused(
    context: LlamaContext, model: LlamaModel, block: BlockUnit
) -> None:
    state = computed(context, model, block, 7)
    several, other_type, transposed, with_gap = (bytearray(state) for _ in range(4))
    several[20] = 2
    with_gap[16] = 99
    layers_at = 16 + 12 * len(block)
    transposed[layers_at] = 1
    other_type[layers_at + 8] = 8
    for broken in (
        state[:10],
        state[:30],
        state[: layers_at + 9],
        state[:-1],
        state + b"1",
        several,
        other_type,
        transposed,
        with_gap,
    ):
        with pytest.raises(StateLayoutError):
            placed(broken, 7, SMOLLM)


def test_model_tells_how_its_keys_are_turned(model: LlamaModel) -> None:
    assert model.rotation() == SMOLLM


@pytest.mark.parametrize(
    ("rotation", "moves"),
    [
        (SMOLLM, True),
        (None, False),
        (replace(SMOLLM, base=10_000.0), False),
        (replace(SMOLLM, is_halved=True), False),
        (replace(SMOLLM, head_size=32), False),
    ],
)
def test_context_moves_blocks_only_if_that_gives_what_computing_gives(
    model: LlamaModel, monkeypatch: pytest.MonkeyPatch, rotation: Rotation | None, moves: bool
) -> None:
    monkeypatch.setattr(model, "rotation", lambda: rotation)
    context = LlamaContext(model, context_tokens=1024, threads=2, is_cancelled=lambda: False)
    assert context.moves_blocks is moves
    context.close()
