"""Under which circumstances a run is asked: what is needed to repeat it beside its plan."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from assistant.prompts.library import prompt_version
from models.processors import physical_cores, this_processor
from models.types import EmbedderInfo, GeneratorInfo

LIBRARIES = ("llama-cpp-python", "sentence-transformers", "torch", "numpy", "faiss-cpu")
"""What computes: another version may round otherwise."""
PROJECT = Path(__file__).parents[1]


def circumstances(
    generator: GeneratorInfo, embedder: EmbedderInfo, gates: Sequence[str] = ()
) -> dict[str, Any]:
    """Return as JSON which program, models and machine answer.

    Args:
        generator: Answers.
        embedder: Searches.
        gates: What is demanded of the figures, as it was written.
    """
    return {
        "plinth": _version("plinth"),
        "commit": commit(),
        "generator": {
            "name": generator.name,
            "sha256": generator.sha256,
            "fingerprint": generator.fingerprint,
        },
        "embedder": {"name": embedder.name, "fingerprint": embedder.fingerprint},
        "prompt_version": prompt_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": machine(),
        "gates": list(gates),
    }


def machine() -> dict[str, Any]:
    """Return what this machine is, as far as it tells."""
    return {
        "processor": this_processor().name,
        "cores": physical_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": sys.version.split()[0],
    }


def commit(project: Path = PROJECT) -> str | None:
    """Return the commit that the program's checkout is at; None where it is none.

    Read from git's files, since git itself may be missing where Plinth runs.
    """
    try:
        git = _git_folder(project)
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        for folder in (git, _common_folder(git)):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8").strip()
        packed = (_common_folder(git) / "packed-refs").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = (line.split(" ") for line in packed.splitlines())
    return next((words[0] for words in found if words[-1] == name), None)


def _git_folder(project: Path) -> Path:
    git = project / ".git"
    if git.is_dir():
        return git
    return project / git.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")


def _common_folder(git: Path) -> Path:
    """Return where all work trees of a repository have their branches."""
    named = git / "commondir"
    return git / named.read_text(encoding="utf-8").strip() if named.is_file() else git


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
