from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evals.benchmarks.types import Conditions, OpenedEmbedder, OpenedGenerator, Quantity, Workbench
from models.fakes import FakeEmbedder, FakeGenerator
from models.gguf import Tensor
from models.protocols import Embedder, Generator
from models.types import FinishReason, Generation, GenerationRequest
from tests.assistant.conftest import make_hit

__all__ = ["make_hit"]

SPEED = Quantity(name="speed", unit="tokens/s", higher_is_better=True, gate=1.1)
TIME = Quantity(name="time", unit="ms", higher_is_better=False)

TENSORS = (
    Tensor(name="token_embd.weight", shape=(256, 100), type_id=8),
    Tensor(name="output.weight", shape=(256, 100), type_id=14),
    Tensor(name="blk.0.attn_norm.weight", shape=(256,), type_id=0),
    Tensor(name="blk.0.ffn_up.weight", shape=(256, 1000), type_id=12),
)
"""In Q8_0, Q6_K, F32 and Q4_K."""


class Scripted:
    """A benchmark whose values are given: for each round (baseline, Plinth), of both quantities."""

    name = "scripted"
    title = "what is written against what is written"
    quantities: tuple[Quantity, ...] = (SPEED, TIME)

    def __init__(
        self,
        speeds: Sequence[tuple[float, float]],
        *,
        before: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._speeds = speeds
        self._before = before
        self.calls: list[str] = []

    @contextmanager
    def open(self, _: Workbench) -> Iterator[Scripted]:
        self.calls.append("open")
        try:
            yield self
        finally:
            self.calls.append("close")

    @property
    def conditions(self) -> Conditions:
        return {"model": "none", "calls": len(self.calls)}

    def baseline(self, round_index: int) -> Mapping[str, float]:
        return self._values("baseline", round_index, 0)

    def plinth(self, round_index: int) -> Mapping[str, float]:
        return self._values("plinth", round_index, 1)

    def _values(self, side: str, round_index: int, index: int) -> Mapping[str, float]:
        self._before(round_index)
        self.calls.append(side)
        speed = self._speeds[round_index][index]
        return {"speed": speed, "time": 1000 / (speed or 1), "score": speed}


class TimedGenerator(FakeGenerator):
    """Says of every request that it took these times."""

    def __init__(self, *, ttft_ms: float, ms_a_token: float, reply_tokens: int = 31) -> None:
        super().__init__()
        self._ttft_ms = ttft_ms
        self._ms_a_token = ms_a_token
        self._reply_tokens = reply_tokens
        self.requests: list[GenerationRequest] = []
        self.is_closed = False

    def stream(self, request: GenerationRequest) -> Any:
        self.requests.append(request)
        return self

    def result(self) -> Generation:
        """The outcome of the last request."""
        return Generation(
            text="1, 2",
            finish_reason=FinishReason.LENGTH,
            prompt_tokens=600,
            prompt_tokens_computed=600,
            completion_tokens=self._reply_tokens,
            ttft_ms=self._ttft_ms,
            total_ms=self._ttft_ms + (self._reply_tokens - 1) * self._ms_a_token,
            mean_logprob=-0.1,
        )


class Bench:
    """A workbench with two generators that take given times."""

    threads = 2

    def __init__(
        self,
        original: TimedGenerator,
        fitted: TimedGenerator,
        *,
        is_fitted: bool = True,
        scratch: Path = Path("never-written"),
    ) -> None:
        self.scratch = scratch
        self.original = original
        self.fitted = fitted
        self._is_fitted = is_fitted
        self.embedder: Embedder = FakeEmbedder()
        self.stand_in: Generator = FakeGenerator()

    def open_embedder(self) -> OpenedEmbedder:
        return OpenedEmbedder(embedder=self.embedder, folder=Path(), runtime="stand-in")

    def stand_in_generator(self) -> Generator:
        return self.stand_in

    @contextmanager
    def open_generator(self, *, use_fitted: bool) -> Iterator[OpenedGenerator]:
        generator = self.fitted if use_fitted else self.original
        try:
            yield OpenedGenerator(
                generator=generator,
                path=Path("model.gguf"),
                weights="fitted.gguf" if use_fitted else "original.gguf",
                sha256="ab" * 32 if use_fitted else "cd" * 32,
                tensors=TENSORS,
                is_fitted=use_fitted and self._is_fitted,
                reason="because",
            )
        finally:
            generator.is_closed = True


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    # 600 tokens in 6 s against 5 s; a token in 50 ms against 40 ms.
    return Bench(
        TimedGenerator(ttft_ms=6000, ms_a_token=50),
        TimedGenerator(ttft_ms=5000, ms_a_token=40),
        scratch=tmp_path / "scratch",
    )
