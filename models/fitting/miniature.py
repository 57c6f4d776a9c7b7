"""Miniatures: files of a model's shapes and types, with few layers and hardly any weights.

How fast a matrix is multiplied depends on its shape and type, not on the numbers in it. A miniature
holds zeros, so that nothing is quantised to make it, and the file system stores next to none of
them. Its norms and the embeddings of the first tokens are no zeros, so that activations are not
either.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelFileError
from models.files import GGUF_MAGIC
from models.fitting.recipes import EMBEDDING
from models.fitting.trial import Speeds
from models.gguf import STRING, UINT32, VOCABULARY, Header, Tensor, n_bytes

N_USABLE_TOKENS = 64
"""Tokens from 0 that have an embedding."""

_N_SHALLOW, _N_DEEP = 2, 6
_LAYER = re.compile(r"blk\.(\d+)\.(.+)")
_ARCHITECTURE = "general.architecture"
_ALIGNMENT = 32
_VERSION = 3
_SOME_WEIGHT = b"\x2c"
"""Repeated: an ordinary number in every type; as the scale of a block, 0.065."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """Which layers are in the two miniatures of a file; their difference is that of layers alone.

    The output matrix weighs much more in a miniature than in the model, so one would not do.
    """

    shallow: tuple[int, ...]
    deep: tuple[int, ...]
    n_layers: int
    """Of the model."""


def extrapolated(shallow: Speeds, deep: Speeds, depths: tuple[int, int, int]) -> Speeds:
    """Return the speeds that a model should have from those of its miniatures.

    Args:
        shallow: Of the shallow one.
        deep: Of the deep one, of which the added layers take some time.
        depths: Number of layers of the shallow one, the deep one and the model.
    """
    n_shallow, n_deep, n_layers = depths

    def whole(shallow_speed: float, deep_speed: float) -> float:
        per_layer_s = (1 / deep_speed - 1 / shallow_speed) / (n_deep - n_shallow)
        return 1 / (1 / shallow_speed + (n_layers - n_shallow) * per_layer_s)

    return Speeds(
        prefill_tokens_s=whole(shallow.prefill_tokens_s, deep.prefill_tokens_s),
        decode_tokens_s=whole(shallow.decode_tokens_s, deep.decode_tokens_s),
    )


def choose_depths(tensors: Sequence[Tensor]) -> Depths:
    """Choose layers so that each kind of layer has the share that it has in the model.

    Raises:
        ModelFileError: there are not enough layers for two depths.
    """
    types: dict[int, list[tuple[str, int]]] = {}
    for tensor in tensors:
        if match := _LAYER.fullmatch(tensor.name):
            types.setdefault(int(match[1]), []).append((match[2], tensor.type_id))
    alike = sorted(types, key=lambda layer: (sorted(types[layer]), layer))
    n_deep = min(_N_DEEP, len(alike))
    if n_deep <= _N_SHALLOW:
        raise ModelFileError(f"the model has {len(alike)} layers, too few to be measured in part")
    return Depths(
        shallow=_spread(alike, _N_SHALLOW), deep=_spread(alike, n_deep), n_layers=len(alike)
    )


def write_miniature(
    target: Path, original: Header, layers: Sequence[int], types: Mapping[str, int]
) -> None:
    """Write a file with these layers.

    It has the vocabulary's size but no vocabulary: reading one takes longer than measuring.

    Args:
        target: Replaced if it exists.
        original: Of the model.
        layers: 0-based, in the original.
        types: By tensor of the original, the type that it gets instead of its own.

    Raises:
        ModelFileError: the header does not say what it must, or has a type that is not known.
        OSError: it cannot be written.
    """
    tensors = list(_renamed(original.tensors, layers, types))
    values = _values(original, len(layers))
    head = GGUF_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(values))
    for key, (kind, value) in values.items():
        head += _text(key) + struct.pack("<I", kind) + value
    offsets = [0]
    for tensor in tensors:
        shape = tensor.shape
        head += _text(tensor.name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", tensor.type_id, offsets[-1])
        offsets.append(_aligned(offsets[-1] + n_bytes(shape, tensor.type_id)))
    start = _aligned(len(head))
    with target.open("wb") as stream:
        stream.write(head)
        for tensor, offset in zip(tensors, offsets, strict=False):
            stream.seek(start + offset)
            stream.write(_some_weights(tensor))
        stream.truncate(start + offsets[-1])


def _spread(layers: Sequence[int], n_wanted: int) -> tuple[int, ...]:
    """Return so many of them at even distances, in the model's order."""
    return tuple(
        sorted(layers[(2 * n + 1) * len(layers) // (2 * n_wanted)] for n in range(n_wanted))
    )


def _renamed(
    tensors: Sequence[Tensor], layers: Sequence[int], types: Mapping[str, int]
) -> list[Tensor]:
    found = []
    for tensor in tensors:
        name = tensor.name
        if match := _LAYER.fullmatch(name):
            if int(match[1]) not in layers:
                continue
            name = f"blk.{layers.index(int(match[1]))}.{match[2]}"
        type_id = types.get(tensor.name, tensor.type_id)
        found.append(Tensor(name=name, shape=tensor.shape, type_id=type_id))
    return found


def _values(original: Header, n_layers: int) -> dict[str, tuple[int, bytes]]:
    sizes = [tensor.shape[-1] for tensor in original.tensors if tensor.name == EMBEDDING]
    kind, name = original.values.get(_ARCHITECTURE, (None, b""))
    if kind != STRING or not sizes:
        raise ModelFileError("the header does not name the model's architecture and vocabulary")
    architecture = name[8:].decode("utf-8", errors="replace")
    values = {key: value for key, value in original.values.items() if key != "general.alignment"}
    values[f"{architecture}.block_count"] = (UINT32, struct.pack("<I", n_layers))
    values[f"{architecture}.vocab_size"] = (UINT32, struct.pack("<I", sizes[0]))
    values[f"{VOCABULARY}ggml.model"] = (STRING, _text("no_vocab"))
    return values


def _some_weights(tensor: Tensor) -> bytes:
    if len(tensor.shape) == 1:
        n_values = math.prod(tensor.shape)
        is_float = n_bytes(tensor.shape, tensor.type_id) == 4 * n_values
        return struct.pack("<f", 1.0) * n_values if is_float else b""
    if tensor.name == EMBEDDING:
        return _SOME_WEIGHT * n_bytes((tensor.shape[0], N_USABLE_TOKENS), tensor.type_id)
    return b""


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
