"""What the start and the end of a line tell about how it goes on."""

from __future__ import annotations

import re

ITEM_MARK = re.compile(
    r"[•‣▪◦●○■□➢✓]|(?:[·*§]|\(?\d{1,3}(?:\.\d{1,3})*[.)]|\(?[a-z][.)]|\([a-zA-Z]{1,4}\)|[A-Z][.)])\s"
)
"""A list item begins."""
DASH_MARK = re.compile(r"[-–—]\s")
"""A list item begins, unless the dash stands within a sentence."""
SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]⁰¹²³⁴⁵⁶⁷⁸⁹]*$")
"""The line may be the last of its paragraph."""
