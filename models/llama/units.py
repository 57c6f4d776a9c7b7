"""A prompt as the cache sees it: units of tokens that are computed or attached apart."""

from __future__ import annotations

from dataclasses import dataclass

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockUnit:
    """A `models.types.Block` and what separates it from what follows, as tokens."""

    name: str
    tokens: Tokens

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.tokens)


Unit = Tokens | BlockUnit
"""Tokens that are computed or attached, kept and dropped together."""


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens to be appended to a sequence."""

    sequence: int
    tokens: Tokens
    wants_logits: bool = True
    """Whether somebody asks what may follow its last token."""
