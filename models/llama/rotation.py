"""How a model turns its keys by their position.

Source: Su et al. 2021, "RoFormer".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """An angle for each pair of values of a head, that grows with the position."""

    head_size: int
    """Values of one head; all of them are turned."""
    base: float
    is_halved: bool
    """Whether a value's partner is half a head away (NeoX), not beside it."""

    def by(self, steps: int | NDArray[np.int64]) -> Turn:
        """Return how keys become what they are so many positions further on.

        Args:
            steps: Of every token, or of each; negative ones lead back.
        """
        exponents = np.arange(0, self.head_size, 2) / self.head_size
        angles = np.multiply.outer(steps, self.base**-exponents)
        cosines, sines = (of(angles).astype(np.float32) for of in (np.cos, np.sin))
        # A token's factors are those of all its heads.
        return Turn(self, cosines[..., np.newaxis, :], sines[..., np.newaxis, :])


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A rotation by known angles, worked out once for all layers."""

    rotation: Rotation
    cosines: Floats
    sines: Floats

    def of(self, keys: Floats) -> Floats:
        """Return keys (shape [tokens, values of all heads]) turned; those given are used up."""
        half = self.rotation.head_size // 2
        one, other = (
            (np.s_[..., :half], np.s_[..., half:])
            if self.rotation.is_halved
            else (np.s_[..., 0::2], np.s_[..., 1::2])
        )
        turned = keys.reshape(len(keys), -1, self.rotation.head_size)
        partners = np.empty_like(turned)
        partners[one], partners[other] = -turned[other], turned[one]
        for factors, values in ((self.cosines, turned), (self.sines, partners)):
            values[one] *= factors
            values[other] *= factors
        turned += partners
        return turned.reshape(len(keys), -1)
