"""The candidates: which tensors are requantised to which type.

Which type is fast depends on the processor: without AVX-512, ggml has quick kernels for few types;
with it, for most, and then only fewer bytes help. Token embeddings are never touched: they are
looked up, not multiplied, so a cheaper type buys nothing. Where they serve as the output matrix
too, a cheaper one costs most in quality.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.gguf import QUANTISATIONS, Tensor

IDS = {name: number for number, name in QUANTISATIONS.items()}

_BLOCKS = {"Q4_0": 32, "IQ4_NL": 32, "Q4_K": 256, "Q2_K": 256}
"""Values that are quantised together: a row must be a multiple of it."""
_FAST = frozenset({"Q4_0", "IQ4_NL", "Q4_K"})
"""Types whose rows ggml interleaves at loading for kernels that compute several rows at once on
AVX2, AVX-512 and Arm; the others are computed row by row or unpacked first."""
_SMALL = frozenset({"attn_k", "attn_v"})
"""Never changed but by the coarse recipe: one weight in a hundred where queries share keys and
values, yet a third of the divergence, as errors there reach every token that comes later."""
_LAYER_MATRIX = re.compile(r"blk\.(\d+)\.((?:attn|ffn)_[a-z_]+)\.weight")
_OUTPUT, EMBEDDING = "output.weight", "token_embd.weight"


VERSION = 3
"""Raise it with every change of what a recipe makes or of how files are measured: models are then
fitted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a candidate is made."""

    name: str
    """Recorded, shown to people, and part of the file's name."""
    choose: Callable[[str, str, int], str]
    """From a layer matrix's role (`ffn_up`), type and row length to the type it gets."""
    output: str | None = None
    """Type of the output matrix where the file has one of its own; None: as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `llama_model_quantize` is told."""

    overrides: tuple[tuple[str, int], ...]
    """Regular expressions over tensor names, each with a type's number; every layer matrix is
    named, those that stay as they are with their own type."""
    output_type: int
    embedding_type: int

    def types(self, tensors: Sequence[Tensor]) -> dict[str, int]:
        """Return by name the type that each matrix of the layers and the output gets."""
        found = {tensor.name: self.output_type for tensor in tensors if tensor.name == _OUTPUT}
        for tensor in tensors:
            for pattern, type_id in self.overrides:
                if re.search(pattern, tensor.name):
                    found[tensor.name] = type_id
        return found


def _fits(kind: str, row: int) -> bool:
    return row % _BLOCKS[kind] == 0


def _fast_and_near(role: str, kind: str, row: int) -> str:
    """Keep what is fast; else the 4-bit type that errs least."""
    if kind in _FAST or role in _SMALL:
        return kind
    return "Q4_K" if _fits("Q4_K", row) else "IQ4_NL"


def _as_it_is(_: str, kind: str, __: int) -> str:
    return kind


def _q4_0(role: str, kind: str, _: int) -> str:
    return kind if role in _SMALL else "Q4_0"


def _q2_k(_: str, kind: str, row: int) -> str:
    return "Q2_K" if _fits("Q2_K", row) else kind


NEAR_OUTPUT = Recipe(name="near-output", choose=_fast_and_near, output="Q4_K")
NEAR = Recipe(name="near", choose=_fast_and_near)
OUTPUT = Recipe(name="output", choose=_as_it_is, output="Q4_K")
PLAIN = Recipe(name="q4_0", choose=_q4_0)
PLAIN_OUTPUT = Recipe(name="q4_0-output", choose=_q4_0, output="Q4_K")
RECIPES = (NEAR_OUTPUT, NEAR, OUTPUT, PLAIN, PLAIN_OUTPUT)
"""One that changes more stands later, or gains more: it must be clearly faster to be preferred."""
COARSE = Recipe(name="q2_k", choose=_q2_k)
"""Never offered: tests show that the quality check refuses what it makes."""


def plan(recipe: Recipe, tensors: Sequence[Tensor]) -> Plan | None:
    """Return what to tell the library; None where the recipe changes nothing or cannot be used."""
    names = {tensor.name: tensor for tensor in tensors}
    if EMBEDDING not in names:
        return None
    embedding_type = names[EMBEDDING].type_id
    output_type = names[_OUTPUT].type_id if _OUTPUT in names else embedding_type
    changed = False
    if recipe.output is not None:
        if _OUTPUT not in names or IDS[recipe.output] == output_type:
            return None  # another recipe makes the same file
        fallback = recipe.output if _fits(recipe.output, names[_OUTPUT].shape[0]) else "IQ4_NL"
        output_type = IDS[fallback]
        changed = True
    groups: dict[tuple[str, int], list[str]] = defaultdict(list)
    for tensor in tensors:
        match = _LAYER_MATRIX.fullmatch(tensor.name)
        if match is None or len(tensor.shape) < 2 or tensor.type_id not in QUANTISATIONS:
            continue
        kind = QUANTISATIONS[tensor.type_id]
        wanted = recipe.choose(match[2], kind, tensor.shape[0])
        usable = wanted if wanted == kind or _fits(wanted, tensor.shape[0]) else kind
        changed |= usable != kind
        groups[match[2], IDS[usable]].append(match[1])
    overrides = tuple(
        (rf"^blk\.({'|'.join(layers)})\.{suffix}\.weight$", type_id)
        for (suffix, type_id), layers in sorted(groups.items())
    )
    if not changed:
        return None
    return Plan(overrides=overrides, output_type=output_type, embedding_type=embedding_type)
