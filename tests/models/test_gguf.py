from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.gguf import QUANTISATIONS, Tensor, read_header, read_tensors


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(*tensors: Tensor, values: bytes = b"", n_values: int = 0) -> bytes:
    data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), n_values) + values
    for tensor in tensors:
        data += text(tensor.name) + struct.pack("<I", len(tensor.shape))
        data += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        data += struct.pack("<IQ", tensor.type_id, 0)
    return data


TENSORS = (
    Tensor(name="token_embd.weight", shape=(64, 100), type_id=8),
    Tensor(name="output_norm.weight", shape=(64,), type_id=0),
)
VALUES = (
    text("general.name")
    + struct.pack("<I", 8)
    + text("tiny")
    + text("numbers")
    + struct.pack("<IIQ", 9, 4, 2)
    + struct.pack("<II", 7, 8)
    + text("words")
    + struct.pack("<IIQ", 9, 8, 2)
    + text("a")
    + text("b")
    + text("flag")
    + struct.pack("<IB", 7, 1)
)


def test_read_tensors_skips_every_kind_of_value(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(header(*TENSORS, values=VALUES, n_values=4))
    assert read_tensors(path) == TENSORS


def test_values_are_kept_as_they_are_but_for_those_of_the_vocabulary(tmp_path: Path) -> None:
    vocabulary = text("tokenizer.x") + struct.pack("<II", 4, 1)
    path = tmp_path / "a.gguf"
    path.write_bytes(header(*TENSORS, values=VALUES + vocabulary, n_values=5))
    assert read_header(path).values == {
        "general.name": (8, text("tiny")),
        "numbers": (9, struct.pack("<IQII", 4, 2, 7, 8)),
        "words": (9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
        "flag": (7, b"\1"),
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "middle of its header"),
        (b"<html>", "does not begin"),
        (b"GGUF" + bytes(100), "version 0"),
        (header(*TENSORS)[:-3], "middle of its header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "entries"),
        (header(values=text("x") + struct.pack("<I", 99), n_values=1), "unknown kind 99"),
        (header(values=struct.pack("<Q", 2**60), n_values=1), "claims"),
        (header(values=text("x") + struct.pack("<IIQ", 9, 9, 1), n_values=1), "array"),
        (header(Tensor(name="x", shape=(1,) * 9, type_id=0)), "9 dimensions"),
    ],
)
def test_read_tensors_of_a_damaged_header_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=f"{said}.*plinth models verify"):
        read_tensors(path)


@pytest.mark.model
def test_read_tensors_of_a_real_file_finds_layers_and_types(weights: Callable[[str], Path]) -> None:
    tensors = read_tensors(weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"))
    kinds = {tensor.name: QUANTISATIONS[tensor.type_id] for tensor in tensors}
    assert len(kinds) == 272
    assert kinds["token_embd.weight"] == "Q8_0"
    assert kinds["blk.29.ffn_down.weight"] == "Q4_1"
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    assert shapes["blk.0.attn_k.weight"] == (576, 192)
