"""The shipped texts on which files are compared."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypedDict

SHIPPED = Path(__file__).with_name("texts.toml")


class Text(TypedDict):
    """A passage, a question about it and its answer."""

    passage: str
    question: str
    answer: str


def load_texts() -> list[Text]:
    """Return the texts in the order of the file."""
    texts: list[Text] = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["text"]
    return texts
