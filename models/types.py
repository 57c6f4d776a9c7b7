"""Values that cross the model seams: what goes into a model and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float32]
FloatMatrix = NDArray[np.float32]


BlockBits = Literal[8, 16]
"""Of each number of a computed block that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A passage that is computed once and kept for later prompts."""

    name: str
    """Where it is kept: letters, digits and hyphens, one slash between its group and itself."""
    text: str
    """Not empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt in parts, so that parts can be cached and no text can pose as another part.

    The generator renders it with the control tokens of its own prompt format; every string here
    is tokenised with special tokens off.
    """

    head: str
    """The fixed instruction, equal for every question of a prompt version: cached once."""
    passages: tuple[str | Block, ...]
    """Evidence texts, unnumbered and independent of their position; may be empty."""
    question: str
    """Everything after the passages: the question and how to answer it."""
    grows: bool = False
    """A later prompt is expected to begin with this head and these passages and to have more, as a
    conversation does: what was computed for them is remembered. Its passages are texts and stand
    one right after the other; else a blank line is put behind each."""

    def __repr__(self) -> str:
        sizes = [len(one if isinstance(one, str) else one.text) for one in self.passages]
        return (
            f"Prompt(head={len(self.head)} chars, passages={sizes}, question={len(self.question)})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A yes/no question put to the model after its reply, answered by two log probabilities."""

    question: str
    """Tokenised with special tokens off, as its own user turn."""
    yes: str = "yes"
    """Reply whose first token counts as yes, in this and its capitalised spelling."""
    no: str = "no"
    """Reply whose first token counts as no, in this and its capitalised spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One greedy generation."""

    prompt: Prompt
    max_tokens: int
    """Most tokens to generate, at least 1; reaching it ends with `FinishReason.LENGTH`."""
    stop: tuple[str, ...] = ()
    """Generation ends before the first of these strings; none of it is emitted."""
    probe: Probe | None = None
    """Asked in the same context after the reply; costs only its own tokens."""


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The outcome of one generation."""

    text: str
    """All that was emitted, equal to the joined pieces of the stream."""
    finish_reason: FinishReason
    prompt_tokens: int
    """Tokens of the rendered prompt."""
    prompt_tokens_computed: int
    """Those of them that had to be computed, the rest came from the cache."""
    completion_tokens: int
    ttft_ms: float
    """From the request's arrival at the model to its first sampled token."""
    total_ms: float
    mean_logprob: float | None
    """Mean natural log probability of the sampled tokens; None when nothing was sampled."""
    probe_log_odds: float | None = None
    """log P(yes) - log P(no) of the probe's first reply token; None without a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorInfo:
    """What a generator is, as recorded with every answer."""

    name: str
    sha256: str
    """Of the weight file; empty for fakes and remote servers that do not tell."""
    context_tokens: int
    """Prompt and reply together may not exceed it."""
    fingerprint: str
    """Hash of everything that can change its output: file, format, build, context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderInfo:
    """What an embedder is; an index made with one fingerprint is never searched with another."""

    name: str
    fingerprint: str
    dim: int
    max_tokens: int
    """Longest input, special tokens included; longer text is refused, never cut."""


def normalised(rows: Sequence[Sequence[float]] | FloatMatrix) -> FloatMatrix:
    """Return rows scaled to unit L2 norm as float32, shape kept.

    Raises:
        ValueError: a row is zero or not finite.
    """
    matrix = np.ascontiguousarray(rows, dtype=np.float32)
    norms = np.linalg.norm(matrix, axis=-1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        message = "cannot normalise: a vector is zero or not finite"
        raise ValueError(message)
    scaled: FloatMatrix = matrix / norms
    return scaled
