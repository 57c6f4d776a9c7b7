from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.llama.block_store import BlockStore
from models.llama.context import LlamaContext
from models.llama.generation import LlamaGeneration
from models.llama.model import LlamaModel
from models.llama.prompt_formats import find_format
from models.llama.scheduler import run_alone
from models.types import Block, BlockBits, Generation, GenerationRequest, Probe, Prompt

CONTEXT_TOKENS = 1024
LEAVE = "Annual leave is 27 working days."
TRAIN = "Trains are booked in second class."
REQUEST = GenerationRequest(
    prompt=Prompt(
        head="Answer briefly.",
        passages=(LEAVE, TRAIN),
        question="How long is the annual leave?",
    ),
    max_tokens=6,
    probe=Probe(question="Reply yes or no."),
)
OTHER = replace(
    REQUEST,
    prompt=replace(REQUEST.prompt, question="Which class?"),
    max_tokens=1,
    probe=None,
)


@pytest.fixture(scope="session")
def model_path(weights: Callable[[str], Path]) -> Path:
    """A small chatml model."""
    return weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def model(model_path: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(model_path)
    yield model
    model.close()


class Switch:
    """Cancels at a call that a test chooses."""

    def __init__(self) -> None:
        self.calls_left: int | None = None

    def is_on(self) -> bool:
        if self.calls_left is None:
            return False
        self.calls_left -= 1
        return self.calls_left < 0


class Bench:
    """A generation in this process, with its parts at hand."""

    def __init__(self, model: LlamaModel, *, parallel: int = 1, block_bits: BlockBits = 16) -> None:
        self.switch = Switch()
        self.model = model
        self.context = LlamaContext(
            model,
            context_tokens=CONTEXT_TOKENS,
            threads=1,
            is_cancelled=self.switch.is_on,
            parallel=parallel,
            block_bits=block_bits,
        )
        self.generation = LlamaGeneration(
            model,
            self.context,
            find_format("chatml"),
            context_tokens=CONTEXT_TOKENS,
            blocks=BlockStore(None, disk_bytes=0, memory_bytes=10**9),
            blocks_key="model",
            threads=1,
        )

    def run(self, request: GenerationRequest) -> Generation:
        pieces: list[str] = []
        plan = self.generation.plan(request)
        result = run_alone(self.context, self.generation.generate(plan, pieces.append))
        assert "".join(pieces) == result.text
        assert all(pieces)
        return replace(result, ttft_ms=0, total_ms=0)

    def keep(self, head: str, block: Block) -> bool:
        return run_alone(self.context, self.generation.keep(head, block))


@pytest.fixture
def bench(model: LlamaModel) -> Iterator[Bench]:
    bench = Bench(model)
    yield bench
    bench.context.close()
