"""A model on the attacker's side, to try what the program does with whatever a model writes."""

from __future__ import annotations

import re
from dataclasses import replace

from models.fakes import FakeGenerator, FakeStream
from models.types import Block, GenerationRequest

_ORDER = re.compile(r"SAY \{(.*?)\}", re.DOTALL)


class ObedientGenerator(FakeGenerator):
    """Writes what the passages order with `SAY {…}`; without an order it is the stand-in."""

    def stream(self, request: GenerationRequest) -> FakeStream:
        """Start a generation; see `models.protocols.Generator`."""
        passages = [one.text if isinstance(one, Block) else one for one in request.prompt.passages]
        orders = _ORDER.findall("\n".join(passages))
        if not orders:
            return super().stream(request)
        before, self._reply = self._reply, "\n".join(orders)
        try:
            return super().stream(replace(request, max_tokens=max(request.max_tokens, 400)))
        finally:
            self._reply = before
