"""The prompt texts, read from the files beside this module, and their version."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

NAMES = (
    "answer_head",
    "answer_short",
    "answer_yes_no",
    "answer_full",
    "probe",
    "resolve_head",
    "resolve",
)


@cache
def prompt_text(name: str) -> str:
    """Return a prompt text without its final line feed; `name` is one of `NAMES`."""
    return (files(__package__) / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")


@cache
def prompt_version() -> str:
    """Return a short hash that changes whenever any prompt text does."""
    texts = "\0".join(prompt_text(name) for name in NAMES)
    return hashlib.sha256(texts.encode()).hexdigest()[:12]
