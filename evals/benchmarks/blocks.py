"""A generator that is asked as if it had kept no passage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.protocols import Generator
from models.types import Block


class NoBlocks:
    """Another generator's services, but it holds nothing; closing it is the other's business."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def holds(self, _head: str, blocks: Sequence[Block]) -> tuple[bool, ...]:
        """Tell that no block is held."""
        return (False,) * len(blocks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)
