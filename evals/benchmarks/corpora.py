"""The documents and questions that benchmarks ask about."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.suites import SAMPLE, load_suite

SHARED_DATA = "PLINTH_SHARED_DATA"
"""Names the environment variable with the folder of further documents and suites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Documents with questions about them."""

    name: str
    folders: tuple[Path, ...]
    questions: tuple[str, ...]


def sample_corpus() -> Asked:
    """Return the sample corpus with its questions that have an answer."""
    return _asked("sample", SAMPLE / "corpus", SAMPLE / "suite.jsonl")


def shared_corpus(suite: str, corpus: str) -> Asked | None:
    """Return documents of the folder that `SHARED_DATA` names; None where there is none."""
    folder = os.environ.get(SHARED_DATA)
    if not folder or not (Path(folder) / "suites" / f"{suite}.jsonl").exists():
        return None
    return _asked(
        suite, Path(folder) / "corpora" / corpus, Path(folder) / "suites" / f"{suite}.jsonl"
    )


def _asked(name: str, folder: Path, suite: Path) -> Asked:
    cases = [case for case in load_suite(suite).cases if case.answerable]
    return Asked(name=name, folders=(folder,), questions=tuple(case.question for case in cases))


def mixed(parts: Sequence[Asked], *, n_questions: int, seed: int) -> Asked:
    """Return all documents and, in a drawn order, equally many questions about each part."""
    order = random.Random(seed)
    share = -(-n_questions // len(parts))
    drawn = [
        question
        for part in parts
        for question in order.sample(part.questions, min(share, len(part.questions)))
    ]
    order.shuffle(drawn)
    return Asked(
        name=" + ".join(part.name for part in parts),
        folders=tuple(folder for part in parts for folder in part.folders),
        questions=tuple(drawn[:n_questions]),
    )
