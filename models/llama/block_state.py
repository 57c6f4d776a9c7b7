"""What llama.cpp saves of one sequence, and a saved passage moved to its place in a prompt.

A key in the cache is turned by an angle that grows with its position (RoPE), so moving a token
means turning its key on. llama.cpp does that too, but for its whole cache whenever anything was
moved: with some thousand cells that takes as long as computing ten tokens. Here only the
passage's own keys are turned, in the bytes that llama.cpp saved, before they are loaded.

Source: llama.cpp's `llama_kv_cache::state_write` for the layout.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.llama.block_store import State
from models.llama.half_floats import from_half, to_half
from models.llama.rotation import Rotation

Rows = NDArray[np.float16]

_FLOAT16 = 1
"""`GGML_TYPE_F16`."""
START_BYTES = 12
"""A tag, the sequence and the number of streams, which stand before the number of cells."""
_CELL = np.dtype([("position", "<i4"), ("n_sequences", "<u4"), ("sequence", "<i4")])
_COUNT = struct.Struct("<I")
_LAYERS = struct.Struct("<II")
"""Before the layers: whether the values are transposed, and how many layers there are."""
_LAYER = struct.Struct("<iQ")
"""Before the rows of a layer: their type, and the bytes of one."""


class StateLayoutError(ValueError):
    """The bytes are not what this build of llama.cpp writes for one sequence of 16-bit floats."""


@dataclass(frozen=True, slots=True)
class Widths:
    """How many values of all heads a layer has for a token."""

    keys: int
    values: int


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The parts of a state: views of its bytes, in the order of the cache."""

    cells: NDArray[np.void]
    keys: tuple[Rows, ...]
    """Of each layer, shape [cells, values of all heads]."""
    values: tuple[Rows, ...]

    @property
    def order(self) -> NDArray[np.intp]:
        """The cells by position, which need not be how they lie in the cache."""
        return np.argsort(self.cells["position"])


def read_layout(state: State) -> Layout:
    """Find the parts of a state.

    Raises:
        StateLayoutError: the bytes are not a state as described above.
    """
    at = START_BYTES + _COUNT.size
    try:
        (n_cells,) = _COUNT.unpack_from(state, START_BYTES)
        cells = np.frombuffer(state, _CELL, n_cells, at)
        at += cells.nbytes
        is_transposed, n_layers = _LAYERS.unpack_from(state, at)
        at += _LAYERS.size
        if is_transposed:
            raise StateLayoutError("the values are transposed; flash attention is off")
        rows: list[Rows] = []
        for _ in range(2 * n_layers):  # the keys of every layer, then the values of every layer
            kind, row_bytes = _LAYER.unpack_from(state, at)
            at += _LAYER.size
            if kind != _FLOAT16:
                raise StateLayoutError(f"rows of type {kind}")
            found = np.frombuffer(state, np.float16, n_cells * row_bytes // 2, at)
            rows.append(found.reshape(n_cells, row_bytes // 2))
            at += found.nbytes
    except (struct.error, ValueError) as error:
        if isinstance(error, StateLayoutError):
            raise
        raise StateLayoutError(f"{len(state)} bytes end too early") from error
    if at != len(state):
        raise StateLayoutError(f"{len(state) - at} bytes more than expected")
    if not (cells["n_sequences"] == 1).all():
        raise StateLayoutError("a cell belongs to several sequences")
    return Layout(cells, tuple(rows[:n_layers]), tuple(rows[n_layers:]))


def new_state(start: bytes, sequence: int, n_cells: int, n_layers: int, widths: Widths) -> State:
    """Return a state with no numbers in it yet, its cells at the positions from 0 on.

    Args:
        start: The first `START_BYTES` of a state of the same context.
        sequence: As the cells of that state name it.
        n_cells: At least 1.
        n_layers: Of the model.
        widths: Of the rows of each layer.
    """
    row_bytes = [2 * width for width in (*[widths.keys] * n_layers, *[widths.values] * n_layers)]
    cells = np.empty(n_cells, _CELL)
    cells["position"], cells["n_sequences"], cells["sequence"] = np.arange(n_cells), 1, sequence
    layers_at = START_BYTES + _COUNT.size + cells.nbytes + _LAYERS.size
    state = bytearray(layers_at + sum(_LAYER.size + n_cells * one for one in row_bytes))
    state[:START_BYTES] = start
    _COUNT.pack_into(state, START_BYTES, n_cells)
    state[START_BYTES + _COUNT.size : layers_at - _LAYERS.size] = cells.tobytes()
    _LAYERS.pack_into(state, layers_at - _LAYERS.size, 0, n_layers)
    at = layers_at
    for one in row_bytes:
        _LAYER.pack_into(state, at, _FLOAT16, one)
        at += _LAYER.size + n_cells * one
    return state


def positions_of(state: State) -> NDArray[np.int64]:
    """Return the position of each cell of a state."""
    return read_layout(state).cells["position"].astype(np.int64)


def first_keys(state: State) -> Rows:
    """Return the keys of the first layer by position, shape [cells, values of all heads]."""
    layout = read_layout(state)
    return layout.keys[0][layout.order]


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
    layout = read_layout(result)
    order = layout.order
    old_start = require_following(layout)
    layout.cells[:] = layout.cells[order]
    layout.cells["position"] = np.arange(start, start + len(order))
    if (np.diff(order) != 1).any():
        for rows in (*layout.keys, *layout.values):
            rows[:] = rows[order]
    turn = rotation.by(start - old_start)
    for keys in layout.keys:
        to_half(turn.of(from_half(keys)), keys)
    return result


def require_following(layout: Layout) -> int:
    """Return the first position of a state whose positions follow one another.

    Raises:
        StateLayoutError: they do not, or there are none.
    """
    positions = np.sort(layout.cells["position"])
    if not len(positions) or (np.diff(positions) != 1).any():
        raise StateLayoutError("the positions do not follow one another")
    return int(positions[0])
