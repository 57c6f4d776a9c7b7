"""A reply as the JSON that scripts rely on; the only place that knows its shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from assistant.types import Answer, Citation, Hit, Passage, Reply

REMOVED = "[removed]"
"""In place of text from a document that was deleted, or that the reader may not see any more."""


def reply_to_json(reply: Reply, *, reply_id: str | None = None) -> dict[str, Any]:
    """Return the answer object of `plinth ask --json`."""
    record = reply.record
    answered = isinstance(reply, Answer)
    return {
        "id": reply_id,
        "question": record.question,
        "resolved_question": record.resolved_question,
        "status": "answered" if answered else "abstained",
        "reason": None if isinstance(reply, Answer) else str(reply.reason),
        "answer": reply.text,
        "sentences": [
            {
                "text": sentence.text,
                "support": str(sentence.support),
                "citations": list(sentence.citations),
            }
            for sentence in (reply.sentences if isinstance(reply, Answer) else ())
        ],
        "citations": [
            citation_to_json(citation)
            for citation in (reply.citations if isinstance(reply, Answer) else ())
        ],
        "passages": [passage_to_json(passage) for passage in record.passages],
        "confidence": round(record.confidence, 4),
        "timings_ms": {
            "retrieve": _ms(record.timings.retrieve_ms),
            "evidence": _ms(record.timings.evidence_ms),
            "ttft": _ms(record.timings.ttft_ms),
            "verified": _ms(record.timings.verified_ms),
            "total": _ms(record.timings.total_ms),
        },
        "usage": {
            "prompt_tokens": record.usage.prompt_tokens,
            "prompt_tokens_computed": record.usage.prompt_tokens_computed,
            "completion_tokens": record.usage.completion_tokens,
            "from_cache": record.usage.from_cache,
        },
        "model": {
            "generator": record.model.generator,
            "generator_sha256": record.model.generator_sha256,
            "embedder": record.model.embedder,
            "prompt_version": record.model.prompt_version,
        },
        "index_generation": record.index_generation,
        "withheld": list(record.withheld),
        "signals": {name: round(value, 4) for name, value in record.signals.items()},
    }


def citation_to_json(citation: Citation) -> dict[str, Any]:
    """Return a citation with its span as `start` and `end`."""
    return {
        "document": citation.document,
        "document_id": citation.document_id,
        "version": citation.version,
        "chunk_id": str(citation.chunk_id),
        "page_number": citation.page_number,
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
    }


def passage_to_json(passage: Passage) -> dict[str, Any]:
    """Return a passage of an answer; `shown_parts` are characters of its text."""
    start = passage.hit.chunk.span.start
    parts = [[span.start - start, span.end - start] for span in passage.shown]
    return hit_to_json(passage.hit) | {"shown": bool(parts), "shown_parts": parts}


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """Return a passage of a search."""
    return {
        "document": hit.document.document,
        "document_id": hit.document.document_id,
        "page_number": hit.chunk.page_number,
        "text": hit.chunk.text,
        "score": round(hit.score, 6),
        "chunk_id": str(hit.chunk.chunk_id),
        "shown": False,
    }


def document_ids(reply: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the documents whose text a reply's JSON holds."""
    return frozenset(
        item["document_id"] for part in ("citations", "passages") for item in reply[part]
    )


def without_documents(reply: Mapping[str, Any], gone: Collection[str]) -> dict[str, Any]:
    """Return a reply's JSON with everything taken out that says what some documents say.

    Quotes, passages and the sentences they prove become `REMOVED`; what other documents prove
    stays. The question stays, being the asker's own words.

    Args:
        reply: As `reply_to_json` returns it; not changed.
        gone: Ids of the documents.
    """
    if not document_ids(reply).intersection(gone):
        return dict(reply)
    citations = [
        {**item, "document": REMOVED, "quote": REMOVED} if item["document_id"] in gone else item
        for item in reply["citations"]
    ]
    lost = {index for index, item in enumerate(citations) if item["quote"] == REMOVED}
    sentences = [
        {**sentence, "text": REMOVED} if lost.intersection(sentence["citations"]) else sentence
        for sentence in reply["sentences"]
    ]
    return {
        **reply,
        "citations": citations,
        "sentences": sentences,
        "passages": [
            {**item, "document": REMOVED, "text": REMOVED} if item["document_id"] in gone else item
            for item in reply["passages"]
        ],
        "answer": " ".join(sentence["text"] for sentence in sentences) or reply["answer"],
        # What was withheld may stem from any passage shown.
        "withheld": [REMOVED for _ in reply["withheld"]],
    }


def with_document_ids(reply: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a reply's JSON with other ids for documents, those that are not in `ids` as they are.

    Args:
        reply: As `reply_to_json` returns it; not changed.
        ids: By the id that stands there.
    """
    return {
        **reply,
        **{
            part: [
                {**item, "document_id": ids.get(item["document_id"], item["document_id"])}
                for item in reply[part]
            ]
            for part in ("citations", "passages")
        },
    }


def without_resolution(reply: Mapping[str, Any], question: str) -> dict[str, Any]:
    """Return a reply's JSON with the question as it was asked for the one that was understood.

    A follow-up is understood in words of earlier answers, which may have been taken out since.
    """
    answer = reply["answer"]
    if reply["status"] == "abstained":
        answer = answer.replace(reply["resolved_question"], question)
    return {**reply, "resolved_question": question, "answer": answer}


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
