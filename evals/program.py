"""Which program made a reply: a run is not continued by another."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGES = ("models", "assistant", "ingest")
"""What decides a reply, beside settings, models and documents."""
_SUFFIXES = frozenset({".py", ".txt", ".toml"})


def program_fingerprint(root: Path = Path(__file__).parents[1]) -> str:
    """Return a hash of the code, prompts and catalogue in `PACKAGES` below `root`."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in _SUFFIXES:
                name = path.relative_to(root).as_posix()
                digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
