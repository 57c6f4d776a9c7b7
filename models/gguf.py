"""Which tensors a GGUF file holds, read from its header without any model library."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.errors import ModelFileError
from models.files import GGUF_MAGIC

QUANTISATIONS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K",
    11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL", 23: "IQ4_XS", 30: "BF16",
}  # fmt: skip
"""ggml's numbers for the types of a tensor; others exist and are left alone."""

BLOCKS = {
    "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q4_0": (32, 18), "Q4_1": (32, 20),
    "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34), "Q2_K": (256, 84), "Q3_K": (256, 110),
    "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210), "IQ4_NL": (32, 18),
    "IQ4_XS": (256, 136),
}  # fmt: skip
"""Of each type: how many values of a row are quantised together, and their bytes."""

_VERSIONS = (2, 3)
_MAX_COUNT = 1_000_000
_MAX_STRING_BYTES = 64 * 2**20
_MAX_DIMENSIONS = 8
STRING, UINT32 = 8, 4
"""Kinds of a value."""
VOCABULARY = "tokenizer."
"""How the keys of a vocabulary begin; most of a header's bytes."""
_ARRAY = 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One entry of the header."""

    name: str
    shape: tuple[int, ...]
    """The length of a row first."""
    type_id: int
    """A key of `QUANTISATIONS`, or another number of ggml's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a GGUF file says of itself."""

    values: Mapping[str, tuple[int, bytes]]
    """By key: its kind and its bytes as in the file; without those of the vocabulary."""
    tensors: tuple[Tensor, ...]
    """In the order of the file."""


def n_bytes(shape: Sequence[int], type_id: int) -> int:
    """Return the size of a tensor's data.

    Raises:
        ModelFileError: the type is not one of `QUANTISATIONS`.

    >>> n_bytes((256, 2), 12)
    288
    """
    if type_id not in QUANTISATIONS:
        raise ModelFileError(
            f"the size of tensors of ggml's type {type_id} is not known; use another file"
        )
    values, size = BLOCKS[QUANTISATIONS[type_id]]
    return math.prod(shape) // values * size


def read_tensors(path: Path) -> tuple[Tensor, ...]:
    """Return the tensors of a GGUF file in its order.

    Raises:
        ModelFileError: it is no GGUF file, or its header is damaged.
    """
    return read_header(path).tensors


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file.

    Raises:
        ModelFileError: it is no GGUF file, or its header is damaged.
    """
    try:
        with path.open("rb") as stream:
            return _Reader(stream).read()
    except (OSError, ValueError, struct.error) as error:
        raise ModelFileError(
            f"cannot read the header of {str(path)!r} ({error}); "
            "check the file with `plinth models verify`"
        ) from error


def describe_types(tensors: Sequence[Tensor]) -> str:
    """Say which types the weights of matrices have, the most frequent first, in percent.

    >>> describe_types([Tensor(name="a", shape=(4, 3), type_id=12)])
    'Q4_K 100 %'
    """
    n_weights: Counter[str] = Counter()
    for tensor in tensors:
        if len(tensor.shape) > 1:
            kind = QUANTISATIONS.get(tensor.type_id, f"type {tensor.type_id}")
            n_weights[kind] += math.prod(tensor.shape)
    total = n_weights.total()
    return ", ".join(f"{kind} {100 * n / total:.0f} %" for kind, n in n_weights.most_common())


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self) -> Header:
        if self._take(4) != GGUF_MAGIC:
            raise ValueError("it does not begin as a GGUF file does")
        version = self._number("I")
        if version not in _VERSIONS:
            raise ValueError(f"it has version {version} of the format")
        n_tensors, n_values = self._count(), self._count()
        values: dict[str, tuple[int, bytes]] = {}
        for _ in range(n_values):
            key, kind = self._text(), self._number("I")
            begin = self._stream.tell()
            self._skip_value(kind)
            if not key.startswith(VOCABULARY):
                values[key] = kind, self._again(begin)
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        return Header(values=values, tensors=tensors)

    def _again(self, begin: int) -> bytes:
        end = self._stream.tell()
        self._stream.seek(begin)
        return self._take(end - begin)

    def _tensor(self) -> Tensor:
        name = self._text()
        n_dimensions = self._number("I")
        if n_dimensions > _MAX_DIMENSIONS:
            raise ValueError(f"a tensor claims {n_dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(n_dimensions))
        type_id = self._number("I")
        self._number("Q")  # where its data lie
        return Tensor(name=name, shape=shape, type_id=type_id)

    def _skip_value(self, kind: int) -> None:
        if kind == STRING:
            self._text()
        elif kind == _ARRAY:
            inner, n_items = self._number("I"), self._number("Q")
            if inner in _SIZES:
                self._stream.seek(_SIZES[inner] * n_items, 1)
            elif inner == STRING and n_items <= _MAX_COUNT:
                for _ in range(n_items):
                    self._text()
            else:
                raise ValueError(f"an array of {n_items} items of kind {inner}")
        elif kind in _SIZES:
            self._take(_SIZES[kind])
        else:
            raise ValueError(f"a value of the unknown kind {kind}")

    def _text(self) -> str:
        n_bytes = self._number("Q")
        if n_bytes > _MAX_STRING_BYTES:
            raise ValueError(f"a text claims {n_bytes} bytes")
        return self._take(n_bytes).decode("utf-8", errors="replace")

    def _count(self) -> int:
        count = self._number("Q")
        if count > _MAX_COUNT:
            raise ValueError(f"it claims {count} entries")
        return count

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(f"<{form}", self._take(struct.calcsize(form)))
        return int(number)

    def _take(self, n_bytes: int) -> bytes:
        data = self._stream.read(n_bytes)
        if len(data) < n_bytes:
            raise ValueError("it ends in the middle of its header")
        return data
