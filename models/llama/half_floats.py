"""16-bit floats from and to 32 bits, by the processor: numpy does it one by one, ten times slower.

Source: `ggml-cpu.h` of llama.cpp.
"""

from __future__ import annotations

import ctypes

import numpy as np
from llama_cpp._ggml import libggml
from numpy.typing import NDArray

_to_half, _from_half = libggml.ggml_cpu_fp32_to_fp16, libggml.ggml_cpu_fp16_to_fp32
for _function in (_to_half, _from_half):
    _function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    _function.restype = None


def to_half(values: NDArray[np.float32], halves: NDArray[np.float16]) -> None:
    """Write values to 16 bits, rounded to the nearest, of two equally near ones to the even one.

    Args:
        values: Contiguous.
        halves: Where to; contiguous, of the same shape.
    """
    _require_alike(values, halves)
    _to_half(values.ctypes.data, halves.ctypes.data, values.size)


def from_half(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return contiguous 16-bit values in 32 bits."""
    values = np.empty(halves.shape, np.float32)
    _require_alike(values, halves)
    _from_half(halves.ctypes.data, values.ctypes.data, values.size)
    return values


def _require_alike(values: NDArray[np.float32], halves: NDArray[np.float16]) -> None:
    # The library writes where it is told to, whatever lies there.
    are_contiguous = values.flags.c_contiguous and halves.flags.c_contiguous
    if values.itemsize != 4 or halves.itemsize != 2 or not are_contiguous:
        raise ValueError("the values are not contiguous floats of 32 and 16 bits")
    if values.shape != halves.shape:
        raise ValueError(f"{halves.shape} is no place for {values.shape}")
