from __future__ import annotations

import re

from models.fitting.recipes import (
    COARSE,
    IDS,
    NEAR,
    NEAR_OUTPUT,
    OUTPUT,
    PLAIN,
    PLAIN_OUTPUT,
    RECIPES,
    Plan,
    plan,
)
from models.gguf import QUANTISATIONS, Tensor


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, shape=shape or (512, 512), type_id=IDS[kind])


FILE = (
    tensor("token_embd.weight", "Q5_0"),
    tensor("output.weight", "Q6_K"),
    tensor("blk.0.attn_norm.weight", "F32", 512),
    tensor("blk.0.ffn_down.weight", "Q6_K"),
    tensor("blk.1.ffn_down.weight", "Q4_K"),
    tensor("blk.10.ffn_down.weight", "Q6_K"),
    tensor("blk.0.attn_q.weight", "Q5_0", 96, 96),
)


def types(made: Plan | None) -> dict[str, str]:
    """The type that each tensor of `FILE` gets, by the first pattern that matches it."""
    assert made is not None
    found = {}
    for one in FILE:
        for pattern, type_id in made.overrides:
            if re.search(pattern, one.name):
                found[one.name] = QUANTISATIONS[type_id]
                break
    return found


def test_near_keeps_fast_types_and_takes_the_nearest_that_a_row_allows() -> None:
    made = plan(NEAR, FILE)
    assert types(made) == {
        "blk.0.ffn_down.weight": "Q4_K",
        "blk.1.ffn_down.weight": "Q4_K",
        "blk.10.ffn_down.weight": "Q4_K",
        "blk.0.attn_q.weight": "IQ4_NL",  # 96 is no multiple of 256
    }
    assert made is not None
    assert (made.output_type, made.embedding_type) == (IDS["Q6_K"], IDS["Q5_0"])


def test_near_output_also_changes_the_output_matrix() -> None:
    made = plan(NEAR_OUTPUT, FILE)
    assert made is not None
    assert (made.output_type, made.embedding_type) == (IDS["Q4_K"], IDS["Q5_0"])
    assert types(made) == types(plan(NEAR, FILE))


def test_output_keeps_the_layers_as_they_are() -> None:
    made = plan(OUTPUT, FILE)
    kinds = {one.name: QUANTISATIONS[one.type_id] for one in FILE}
    assert types(made) == {name: kinds[name] for name in types(made)}
    assert made is not None
    assert made.output_type == IDS["Q4_K"]


def test_output_with_short_rows_takes_the_type_that_fits_them() -> None:
    narrow = (*FILE[:1], tensor("output.weight", "Q8_0", 96, 512), *FILE[2:])
    made = plan(OUTPUT, narrow)
    assert made is not None
    assert made.output_type == IDS["IQ4_NL"]


def test_plain_makes_every_layer_matrix_q4_0() -> None:
    assert set(types(plan(PLAIN, FILE)).values()) == {"Q4_0"}


def test_plain_output_also_changes_the_output_matrix() -> None:
    made = plan(PLAIN_OUTPUT, FILE)
    assert types(made) == types(plan(PLAIN, FILE))
    assert made is not None
    assert (made.output_type, made.embedding_type) == (IDS["Q4_K"], IDS["Q5_0"])


def test_keys_and_values_stay_as_they_are() -> None:
    file = (*FILE, tensor("blk.0.attn_v.weight", "Q6_K"), tensor("blk.0.attn_k.weight", "Q5_0"))
    for recipe in RECIPES:
        made = plan(recipe, file)
        assert made is not None
        kinds = {pattern: QUANTISATIONS[kind] for pattern, kind in made.overrides}
        assert kinds[r"^blk\.(0)\.attn_v\.weight$"] == "Q6_K"
        assert kinds[r"^blk\.(0)\.attn_k\.weight$"] == "Q5_0"


def test_coarse_leaves_rows_that_do_not_fit_alone() -> None:
    found = types(plan(COARSE, FILE))
    assert found["blk.0.ffn_down.weight"] == "Q2_K"
    assert found["blk.0.attn_q.weight"] == "Q5_0"


def test_layer_1_is_not_taken_for_layer_10() -> None:
    file = (
        tensor("token_embd.weight", "Q8_0"),
        tensor("blk.1.ffn_up.weight", "Q6_K"),
        tensor("blk.10.ffn_up.weight", "Q4_0"),
    )
    made = plan(NEAR, file)
    assert made is not None
    hits = [
        QUANTISATIONS[kind]
        for pattern, kind in made.overrides
        if re.search(pattern, "blk.10.ffn_up.weight")
    ]
    assert hits == ["Q4_0"]


def test_a_recipe_that_changes_nothing_makes_no_plan() -> None:
    fast = (tensor("token_embd.weight", "Q8_0"), tensor("blk.0.ffn_up.weight", "Q4_K"))
    assert plan(NEAR, fast) is None
    assert plan(NEAR_OUTPUT, fast) is None  # the embedding is the output matrix, and stays
    assert plan(PLAIN, (fast[1],)) is None  # no file that we know how to read


def test_types_of_a_plan_are_those_that_the_library_would_give() -> None:
    made = plan(NEAR_OUTPUT, FILE)
    assert made is not None
    kinds = {name: QUANTISATIONS[type_id] for name, type_id in made.types(FILE).items()}
    assert kinds == types(made) | {"output.weight": "Q4_K"}
