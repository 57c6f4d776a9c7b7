"""A passage's keys and values in eight bits each: half the bytes of what llama.cpp saves.

Each key is kept as it is before it is turned by its position. What a channel of the keys holds is
then alike in all tokens, often around a large constant, so the range of 256 steps is that of a
channel; of the values it is that of a token.

Source: Liu et al. 2024, "KIVI", on which of the two varies along what.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.llama.block_state import (
    START_BYTES,
    StateLayoutError,
    Widths,
    new_state,
    read_layout,
    require_following,
)
from models.llama.block_store import State
from models.llama.half_floats import from_half, to_half
from models.llama.rotation import Rotation

Floats = NDArray[np.float32]

_STEPS = 255
_OPENING = struct.Struct(f"<{START_BYTES}siIIII")
"""The start of the state, its sequence, and the numbers of cells, layers, keys and values."""
_ALONG_TOKENS, _ALONG_CHANNELS = 0, 1


def packed(state: State, rotation: Rotation) -> State:
    """Return a state in half the bytes, wherever its cells stand.

    Args:
        state: As llama.cpp wrote it, its positions one after the other.
        rotation: Of the model.

    Raises:
        StateLayoutError: the bytes are no such state.
    """
    layout = read_layout(state)
    start, order = require_following(layout), layout.order
    widths = {rows.shape[1] for rows in layout.keys}, {rows.shape[1] for rows in layout.values}
    if not all(len(one) == 1 for one in widths):
        raise StateLayoutError("the layers differ in width")
    (n_keys,), (n_values,) = widths
    sequence = layout.cells["sequence"][0]
    opening = (state[:START_BYTES], sequence, len(order), len(layout.keys), n_keys, n_values)
    back = rotation.by(-np.arange(start, start + len(order)))
    keys = (back.of(from_half(rows[order])) for rows in layout.keys)
    values = (from_half(rows[order]) for rows in layout.values)
    parts = (
        _OPENING.pack(*opening),
        *(_coded(rows, _ALONG_TOKENS) for rows in keys),
        *(_coded(rows, _ALONG_CHANNELS) for rows in values),
    )
    return bytearray(b"".join(parts))


def unpacked(state: State, start: int, rotation: Rotation) -> State:
    """Return what `packed` was given, as llama.cpp reads it, from a position on.

    Args:
        state: Packed.
        start: Position of its first cell.
        rotation: Of the model.

    Raises:
        StateLayoutError: it was not packed here.
    """
    try:
        first, sequence, n_cells, n_layers, n_keys, n_values = _OPENING.unpack_from(state)
    except struct.error as error:
        raise StateLayoutError(f"{len(state)} bytes end too early") from error
    expected = _OPENING.size + n_layers * (
        _coded_bytes(n_cells, n_keys, n_keys) + _coded_bytes(n_cells, n_values, n_cells)
    )
    if not n_cells or expected != len(state):
        raise StateLayoutError(f"{len(state)} bytes where {expected} are expected")
    result = new_state(first, sequence, n_cells, n_layers, Widths(n_keys, n_values))
    layout = read_layout(result)
    positions = np.arange(start, start + n_cells)
    layout.cells["position"] = positions
    turn, coded = rotation.by(positions), _Reader(state, _OPENING.size)
    for keys in layout.keys:
        to_half(turn.of(coded.read(n_cells, n_keys, _ALONG_TOKENS)), keys)
    for values in layout.values:
        to_half(coded.read(n_cells, n_values, _ALONG_CHANNELS), values)
    return result


def _coded(rows: Floats, axis: int) -> bytes:
    """Return rows as the low end of each range, its step, and the codes."""
    low = rows.min(axis, keepdims=True)
    step = (rows.max(axis, keepdims=True) - low) / _STEPS
    step[step == 0] = 1
    codes = np.rint((rows - low) / step).astype(np.uint8)
    return b"".join((low.tobytes(), step.tobytes(), codes.tobytes()))


def _coded_bytes(n_rows: int, width: int, n_ranges: int) -> int:
    return 2 * n_ranges * np.dtype(np.float32).itemsize + n_rows * width


@dataclass(slots=True)
class _Reader:
    """Goes through what `_coded` wrote."""

    state: State
    at: int

    def read(self, n_rows: int, width: int, axis: int) -> Floats:
        ranges = (1, width) if axis == _ALONG_TOKENS else (n_rows, 1)
        low, step = self._take(np.float32, ranges), self._take(np.float32, ranges)
        rows = self._take(np.uint8, (n_rows, width)).astype(np.float32)
        rows *= step
        rows += low
        return rows

    def _take(self, kind: type[np.generic], shape: tuple[int, int]) -> NDArray[Any]:
        values = np.frombuffer(self.state, kind, shape[0] * shape[1], self.at)
        self.at += values.nbytes
        return values.reshape(shape)
