"""The documents and questions that benchmarks ask about."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.benchmarks.types import NeedMissingError
from evals.suites import SAMPLE, Case, load_suite

SHARED_DATA = "PLINTH_SHARED_DATA"
"""Names the environment variable with the folder of further documents and suites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Documents with questions about them."""

    name: str
    folders: tuple[Path, ...]
    questions: tuple[str, ...]
    topics: tuple[tuple[str, ...], ...]
    """The same questions, grouped by the document that answers them, most asked about first."""
    cases: tuple[Case, ...] = ()
    """The same questions with their gold answers; none where they are of several suites."""


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


def shared_folder(corpus: str) -> Path:
    """Return the folder of a corpus of the folder that `SHARED_DATA` names.

    Raises:
        NeedMissingError: it is not on this machine.
    """
    shared = os.environ.get(SHARED_DATA)
    if not shared:
        raise NeedMissingError(
            f"the corpus {corpus!r} is development data; set {SHARED_DATA} to the folder that "
            "holds corpora/"
        )
    folder = Path(shared, "corpora", corpus)
    if not folder.is_dir():
        raise NeedMissingError(f"there is no corpus {str(folder)!r}; check {SHARED_DATA}")
    return folder


def day_of_questions(
    parts: Sequence[Asked], *, n_topics: int, n_questions: int, in_a_row: int, seed: int
) -> Asked:
    """Return the documents with questions as they come over a day, in a drawn order.

    Args:
        parts: Where they are drawn from, about equally many of each, as far as it has them.
        n_topics: Most documents of each part that anybody asks about.
        n_questions: Most questions.
        in_a_row: Questions about a document that come one after the other.
        seed: Of the drawing.
    """
    order = random.Random(seed)
    runs: list[tuple[str, ...]] = []
    n_left = n_questions
    fewest_first = sorted(parts, key=lambda part: sum(map(len, part.topics[:n_topics])))
    for n_parts_left, part in zip(range(len(parts), 0, -1), fewest_first, strict=True):
        share = -(-n_left // n_parts_left)
        its_runs = []
        for topic in part.topics[:n_topics]:
            drawn = order.sample(topic, len(topic))
            its_runs += [
                tuple(drawn[start : start + in_a_row]) for start in range(0, len(drawn), in_a_row)
            ]
        order.shuffle(its_runs)
        n_drawn = 0
        for run in its_runs:
            runs.append(run[: share - n_drawn])
            n_drawn += len(runs[-1])
        n_left -= n_drawn
    order.shuffle(runs)
    asked = [question for run in runs for question in run]
    return Asked(
        name=" + ".join(part.name for part in parts),
        folders=tuple(folder for part in parts for folder in part.folders),
        questions=tuple(asked[:n_questions]),
        topics=tuple(filter(None, runs)),
    )


def _asked(name: str, folder: Path, suite: Path) -> Asked:
    topics: dict[str, list[str]] = defaultdict(list)
    cases = tuple(case for case in load_suite(suite).cases if case.answerable)
    for case in cases:
        document = case.evidence[0].document if case.evidence else ""
        topics[document].append(case.question)
    by_size = sorted(topics.values(), key=len, reverse=True)
    return Asked(
        name=name,
        folders=(folder,),
        questions=tuple(question for topic in topics.values() for question in topic),
        topics=tuple(map(tuple, by_size)),
        cases=cases,
    )
