"""What of a reply has to be the same however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lasting(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a reply but how long it took and what the machine had to do for it.

    Less of the prompt is computed where its head is in the model's cache.
    """
    kept = {key: reply[key] for key in reply if key not in ("timings_ms", "spent", "id")}
    return kept | {"usage": {**reply["usage"], "prompt_tokens_computed": None}}
