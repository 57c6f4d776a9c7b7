"""A reply as the JSON that scripts rely on; the only place that knows its shape."""

from __future__ import annotations

from typing import Any

from assistant.types import Answer, Citation, Hit, Passage, Reply


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
    """Return a passage of an answer."""
    return hit_to_json(passage.hit) | {"shown": bool(passage.shown)}


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """Return a passage of a search."""
    return {
        "document": hit.document.document,
        "page_number": hit.chunk.page_number,
        "text": hit.chunk.text,
        "score": round(hit.score, 6),
        "chunk_id": str(hit.chunk.chunk_id),
        "shown": False,
    }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
