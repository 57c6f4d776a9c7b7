from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.fitting.miniature import (
    N_USABLE_TOKENS,
    choose_depths,
    extrapolated,
    write_miniature,
)
from models.fitting.recipes import IDS
from models.fitting.trial import Speeds
from models.gguf import Header, Tensor, n_bytes, read_header
from tests.models.fitting.child import ORIGINAL


@pytest.fixture
def original(tmp_path: Path) -> Header:
    path = tmp_path / "original.gguf"
    path.write_bytes(ORIGINAL)
    return read_header(path)


def layers(*kinds: str) -> list[Tensor]:
    """One matrix for each layer."""
    return [
        Tensor(name=f"blk.{layer}.ffn_down.weight", shape=(256, 256), type_id=IDS[kind])
        for layer, kind in enumerate(kinds)
    ]


def test_depths_hold_each_kind_of_layer_in_its_share() -> None:
    # As Q4_K_M has it: the first and last layers and some between are finer, half of them here.
    kinds = ("Q6_K",) * 6 + ("Q4_K", "Q6_K") * 3 + ("Q4_K",) * 9 + ("Q6_K",) * 3
    depths = choose_depths(layers(*kinds))
    assert depths.n_layers == 24
    for chosen in (depths.shallow, depths.deep):
        assert sorted(set(chosen)) == list(chosen)
        assert sum(kinds[layer] == "Q6_K" for layer in chosen) == len(chosen) / 2
    assert len(depths.shallow) < len(depths.deep)


def test_a_model_of_two_layers_is_too_shallow() -> None:
    with pytest.raises(ModelFileError, match="2 layers, too few"):
        choose_depths(layers("Q4_K", "Q4_K"))


def test_extrapolation_counts_the_output_matrix_once() -> None:
    # A token takes 1 s for the output matrix and 0.5 s a layer: 2, 4 and, of 10 layers, 6 s.
    found = extrapolated(
        Speeds(prefill_tokens_s=1 / 2, decode_tokens_s=1 / 20),
        Speeds(prefill_tokens_s=1 / 4, decode_tokens_s=1 / 40),
        (2, 6, 10),
    )
    assert found.prefill_tokens_s == pytest.approx(1 / 6)
    assert found.decode_tokens_s == pytest.approx(1 / 60)


def test_a_miniature_has_some_layers_under_new_numbers_and_other_types(
    original: Header, tmp_path: Path
) -> None:
    path = tmp_path / "a.gguf"
    write_miniature(path, original, (1, 3), {"blk.3.ffn_up.weight": IDS["Q4_0"]})
    found = read_header(path)
    assert {one.name: one.type_id for one in found.tensors} == {
        "token_embd.weight": IDS["Q8_0"],
        "output.weight": IDS["Q6_K"],
        "blk.0.ffn_up.weight": IDS["Q6_K"],
        "blk.1.ffn_up.weight": IDS["Q4_0"],
    }
    assert found.values["tiny.block_count"] == (4, b"\x02\0\0\0")
    assert found.values["tiny.vocab_size"] == (4, b"\x64\0\0\0")
    assert b"no_vocab" in path.read_bytes()


def test_a_miniature_is_as_long_as_its_tensors_and_mostly_holes(
    original: Header, tmp_path: Path
) -> None:
    path = tmp_path / "a.gguf"
    write_miniature(path, original, (0,), {})
    data = path.read_bytes()
    embeddings = n_bytes((256, N_USABLE_TOKENS), IDS["Q8_0"])
    weights = sum(n_bytes(one.shape, one.type_id) for one in read_header(path).tensors)
    assert weights < len(data) < weights + 1000
    assert data.count(b"\x2c") >= embeddings  # the rest is not stored
    assert data[-100_000:].count(0) > 70_000


@pytest.mark.parametrize(
    "broken",
    [
        Header(values={}, tensors=()),
        Header(values={"general.architecture": (4, b"\0" * 4)}, tensors=()),
    ],
)
def test_a_header_that_names_no_architecture_is_refused(broken: Header, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="architecture"):
        write_miniature(tmp_path / "a.gguf", broken, (0,), {})


def test_a_type_of_unknown_size_is_refused(original: Header, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="type 99 is not known"):
        write_miniature(tmp_path / "a.gguf", original, (0,), {"output.weight": 99})
