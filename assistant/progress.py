"""One question on its way through the engine, and the record that it leaves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from assistant.confidence import Calibration
from assistant.context import Context
from assistant.evidence.attribution import Verdict
from assistant.prompts.library import prompt_version
from assistant.types import Hit, ModelRecord, Passage, Record, Support, Timings, Usage
from models.types import EmbedderInfo, Generation, GeneratorInfo


@dataclass(slots=True)
class Progress:
    """Filled step by step."""

    question: str
    is_measured: bool = False
    """Whether nothing may depend on it, and it on nothing else that is asked."""
    started: float = field(default_factory=time.perf_counter)
    resolved: str = ""
    index_generation: int = 0
    """That was searched."""
    hits: tuple[Hit, ...] = ()
    evidence: tuple[int, ...] = ()
    """Indexes of the hits used as evidence."""
    context: Context | None = None
    generation: Generation | None = None
    judged: set[str] = field(default_factory=set)
    """Sentences read so far, also those that were left out as repetitions."""
    verdicts: list[tuple[str, Verdict]] = field(default_factory=list)
    signals: dict[str, float] = field(default_factory=dict)
    retrieve_ms: float = 0.0
    evidence_ms: float | None = None
    ttft_ms: float | None = None
    verified_ms: float | None = None

    def elapsed_ms(self) -> float:
        """Return the time since the question came."""
        return (time.perf_counter() - self.started) * 1000

    def record(
        self, generator: GeneratorInfo, embedder: EmbedderInfo, calibration: Calibration
    ) -> Record:
        """Return the record as it is now."""
        generation = self.generation
        shown_of = {hit_index: place for place, hit_index in enumerate(self.evidence)}
        context = self.context
        return Record(
            question=self.question,
            resolved_question=self.resolved,
            passages=tuple(
                Passage(
                    hit=hit,
                    shown=context.shown_spans(shown_of[index])
                    if context is not None and index in shown_of
                    else (),
                )
                for index, hit in enumerate(self.hits)
            ),
            confidence=0.0 if generation is None else calibration.confidence(self.signals),
            timings=Timings(
                retrieve_ms=self.retrieve_ms,
                evidence_ms=self.evidence_ms,
                ttft_ms=self.ttft_ms,
                verified_ms=self.verified_ms,
                total_ms=self.elapsed_ms(),
            ),
            usage=Usage()
            if generation is None
            else Usage(
                prompt_tokens=generation.prompt_tokens,
                prompt_tokens_computed=generation.prompt_tokens_computed,
                completion_tokens=generation.completion_tokens,
            ),
            model=ModelRecord(
                generator=generator.name,
                generator_sha256=generator.sha256,
                embedder=embedder.name,
                prompt_version=prompt_version(),
            ),
            index_generation=self.index_generation,
            withheld=tuple(
                text for text, verdict in self.verdicts if verdict.support is Support.UNSUPPORTED
            ),
            signals=self.signals,
        )
