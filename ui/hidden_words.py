"""Why a text is hidden, as people are told."""

from __future__ import annotations

HIDDEN_BECAUSE = {
    "invisible": "drawn without any colour",
    "colour": "in the colour of what is behind it",
    "tiny": "too small to be read",
    "covered": "something lies on it",
    "clipped": "cut away",
    "off-page": "beside the page",
    "layer": "on a layer that is switched off",
    "marked": "marked as hidden",
    "slide": "on a slide that is not shown",
    "sheet": "on a sheet that is not shown",
    "characters": "in characters that show nothing",
}
"""By the values of `ingest.types.HiddenKind`."""
