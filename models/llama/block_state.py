"""A saved passage moved to its place in a prompt.

A key in the cache is turned by an angle that grows with its position (RoPE), so moving a token
means turning its key on. llama.cpp does that too, but for its whole cache whenever anything was
moved: with some thousand cells that takes as long as computing ten tokens. Here only the
passage's own keys are turned, in the bytes that llama.cpp saved, before they are loaded.

Source: Su et al. 2021, "RoFormer"; llama.cpp's `llama_kv_cache::state_write` for the layout.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.llama.block_store import State

_FLOAT16 = 1
"""`GGML_TYPE_F16`."""
_COUNT_AT = 12
"""Where the number of cells stands; a tag, the sequence and the number of streams come before."""
_CELL = np.dtype([("position", "<i4"), ("n_sequences", "<u4"), ("sequence", "<i4")])
_LAYER = struct.Struct("<iQ")
"""Before the rows of a layer: their type, and the bytes of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How a model turns its keys."""

    head_size: int
    """Values of one head; all of them are turned."""
    base: float
    is_halved: bool
    """Whether a value's partner is half a head away (NeoX), not beside it."""

    def turn(self, keys: NDArray[np.float16], step: int) -> None:
        """Change keys to what they are so many positions further on.

        Args:
            keys: Shape [tokens, values of all heads].
            step: Of every token; negative leads back.
        """
        exponents = np.arange(0, self.head_size, 2) / self.head_size
        angles = step * self.base**-exponents
        half = self.head_size // 2
        one, other = (
            (np.s_[..., :half], np.s_[..., half:])
            if self.is_halved
            else (np.s_[..., 0::2], np.s_[..., 1::2])
        )
        heads = keys.reshape(len(keys), -1, self.head_size)
        turned = heads.astype(np.float32)
        partners = np.empty_like(turned)
        partners[one], partners[other] = -turned[other], turned[one]
        for angle_of, values in ((np.cos, turned), (np.sin, partners)):
            factors = angle_of(angles).astype(np.float32)
            values[one] *= factors
            values[other] *= factors
        turned += partners
        heads[...] = turned


class StateLayoutError(ValueError):
    """The bytes are not what this build of llama.cpp writes for one sequence of 16-bit floats."""


def positions_of(state: State) -> NDArray[np.int64]:
    """Return the position of each cell of a state."""
    return _cells(state)["position"].astype(np.int64)


def first_keys(state: State) -> NDArray[np.float16]:
    """Return the keys of the first layer by position, shape [cells, values of all heads]."""
    cells = _cells(state)
    start = _COUNT_AT + 4 + cells.nbytes + 8
    row_bytes = _row_bytes(state, start)
    return _rows(state, start + _LAYER.size, len(cells), row_bytes)[_by_position(cells)]


def placed(state: State, start: int, rotation: Rotation) -> State:
    """Return a state whose cells follow one another from a position on.

    Args:
        state: Of a passage, as llama.cpp wrote it: in the order of the cache, which need not be
            that of the positions.
        start: New position of the first cell.
        rotation: Of the model.

    Raises:
        StateLayoutError: the bytes are not a state as described above.
    """
    result = bytearray(state)
    cells = _cells(result)
    order = _by_position(cells)
    positions = positions_of(state)[order]
    if not len(cells) or (np.diff(positions) != 1).any():
        raise StateLayoutError("the positions do not follow one another")
    cells[:] = cells[order]
    cells["position"] = np.arange(start, start + len(cells))
    is_scattered = (np.diff(order) != 1).any()
    at = _COUNT_AT + 4 + cells.nbytes
    is_transposed, n_layers = struct.unpack_from("<II", state, at)
    if is_transposed:
        raise StateLayoutError("the values are transposed; flash attention is off")
    at += 8
    for index in range(2 * n_layers):  # the keys of every layer, then the values of every layer
        row_bytes = _row_bytes(state, at)
        at += _LAYER.size
        rows = _rows(result, at, len(cells), row_bytes)
        if is_scattered:
            rows[:] = rows[order]
        if index < n_layers:
            rotation.turn(rows, start - int(positions[0]))
        at += rows.nbytes
    if at != len(state):
        raise StateLayoutError(f"{len(state) - at} bytes more than expected")
    return result


def _cells(state: State) -> NDArray[np.void]:
    try:
        (n_cells,) = struct.unpack_from("<I", state, _COUNT_AT)
        cells = np.frombuffer(state, _CELL, n_cells, _COUNT_AT + 4)
    except (struct.error, ValueError) as error:
        raise StateLayoutError(f"{len(state)} bytes end too early") from error
    if not (cells["n_sequences"] == 1).all():
        raise StateLayoutError("a cell belongs to several sequences")
    return cells


def _by_position(cells: NDArray[np.void]) -> NDArray[np.intp]:
    return np.argsort(cells["position"])


def _row_bytes(state: State, at: int) -> int:
    try:
        kind, row_bytes = _LAYER.unpack_from(state, at)
    except struct.error as error:
        raise StateLayoutError(f"{len(state)} bytes end too early") from error
    if kind != _FLOAT16:
        raise StateLayoutError(f"rows of type {kind}")
    return int(row_bytes)


def _rows(state: State, at: int, n_cells: int, row_bytes: int) -> NDArray[np.float16]:
    n_values = n_cells * row_bytes // 2
    try:
        values = np.frombuffer(state, np.float16, n_values, at)
    except ValueError as error:
        raise StateLayoutError(f"{len(state)} bytes end too early") from error
    return values.reshape(n_cells, row_bytes // 2)
