"""One document in two formats answers the same questions with the same facts.

The suites in `formats/` also measure answers: `plinth eval run tests/ingest/formats/techfar.jsonl`
in a data dir that holds one format, then in one that holds the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store.writer import open_writer
from assistant.text import words
from assistant.types import Hit
from ingest.pipeline import ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files
from models.embedding import SentenceTransformerEmbedder

SUITES = Path(__file__).with_name("formats")
TOP_K = 3


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "files"),
    [
        ("budgeting", ("gov-18f-budgeting/handbook.pdf", "gov-18f-budgeting/handbook.md")),
        (
            "techfar",
            (
                "usds-playbook/assets/TechFAR Handbook_2014-08-07.pdf",
                "usds-playbook/assets/TechFAR Handbook_2014-08-07.docx",
            ),
        ),
    ],
)
def test_formats_of_one_document_hold_the_same_answers(
    tmp_path: Path,
    shared_data: Path,
    weights: Callable[[str], Path],
    suite: str,
    files: Sequence[str],
) -> None:
    model = weights("all-minilm-l6-v2/model.safetensors").parent
    embedder = SentenceTransformerEmbedder(folder=model, name=model.name, sha256="", threads=2)
    cases = [
        json.loads(line)
        for line in (SUITES / f"{suite}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(cases) == 10
    for file in files:
        with open_writer(tmp_path / Path(file).suffix[1:]) as writer:
            writer.people.add_collection("documents")
            ingest(
                find_files([shared_data / "corpora" / file], leave_out=tmp_path),
                collection="documents",
                writer=writer,
                embedder=embedder,
                settings=IngestSettings(parser_processes=1),
            )
            retriever = HybridRetriever(writer.catalog, embedder, RetrievalSettings())
            missing = [
                case["id"]
                for case in cases
                if not _holds(retriever.retrieve(case["question"], TOP_K, OPERATOR), case)
            ]
        assert missing == [], file


def _holds(hits: Sequence[Hit], case: dict[str, list[str]]) -> bool:
    found = " ".join(words(" ".join(hit.chunk.text for hit in hits)))
    return any(" ".join(words(answer)) in found for answer in case["answers"])
