"""Cases and replies made up for the tests of evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assistant.store.catalog import open_catalog
from assistant.store.runs import Runs
from evals.suites import Case, Evidence

MakeReply = Callable[..., dict[str, Any]]


def make_case(case_id: str, *, answerable: bool = True, **changes: Any) -> Case:
    values: dict[str, Any] = {"id": case_id, "question": f"What is {case_id}?"}
    if answerable:
        evidence = (Evidence(document="a.pdf", page=1),)
        values |= {"answers": ("x",), "evidence": evidence}
    return Case(**values | {"answerable": answerable} | changes)


def make_reply(
    case_id: str,
    answer: str | None,
    *,
    citations: list[tuple[str, int | None, str]] | None = None,
    passages: list[tuple[str, int | None, str]] | None = None,
    ttft: float | None = 100.0,
    confidence: float = 0.9,
) -> dict[str, Any]:
    return {
        "id": case_id,
        "status": "abstained" if answer is None else "answered",
        "answer": answer or "The documents do not say.",
        "citations": [
            {"document": d, "page_number": p, "quote": quote} for d, p, quote in citations or ()
        ],
        "passages": [
            {"document": d, "page_number": p, "text": text, "shown": False}
            for d, p, text in passages or ()
        ],
        "sentences": []
        if answer is None
        else [
            {
                "text": answer,
                "support": "supported" if citations else "unsupported",
                "citations": list(range(len(citations or ()))),
            }
        ],
        "confidence": confidence,
        "usage": {
            "prompt_tokens": 300,
            "prompt_tokens_computed": 20,
            "completion_tokens": 0 if answer is None else 11,
        },
        "timings_ms": {"ttft": ttft, "total": 2 * (ttft or 0.0)},
        "model": {
            "generator": "g",
            "generator_sha256": "0123456789abcdef",
            "embedder": "e",
            "prompt_version": "1",
        },
        "index_generation": 1,
    }


@pytest.fixture
def store(tmp_path) -> Iterator[Runs]:
    """Where the runs of a new data dir are kept."""
    with open_catalog(tmp_path / "data") as catalog:
        yield catalog.runs


@pytest.fixture
def suite_file(tmp_path) -> Callable[..., Any]:
    """Write lines into a file and return its path."""

    def write(text: str, name: str = "own.jsonl") -> Any:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
