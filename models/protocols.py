"""The seams to machine-learning models: anything that keeps these promises can be plugged in.

Implementations: `models.llama.client`, `models.embedding`, `models.fakes`. All of them run the
contract tests in `tests/contracts/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from models.types import (
    Block,
    EmbedderInfo,
    FloatMatrix,
    FloatVector,
    Generation,
    GenerationRequest,
    GeneratorInfo,
)


class GenerationStream(Protocol):
    """A running generation. Iterate for text pieces; belongs to one thread except `cancel`."""

    def __iter__(self) -> Iterator[str]:
        """Yield pieces of text as they are decoded, never half a character.

        Raises:
            GeneratorCrashedError: the model's process died; the next request gets a new one.
            ContextOverflowError: prompt and `max_tokens` exceed the context; nothing was yielded.
        """

    def cancel(self) -> None:
        """Ask for an end within one token; safe from any thread and when already ended."""

    def result(self) -> Generation:
        """Drain what is left and return the outcome; raises as iteration does."""


class Generator(Protocol):
    """A text generator: greedy, deterministic for equal requests that are alone.

    Thread-safe: concurrent requests begin in order of arrival. Several may be computed at a time;
    their numbers may then differ by rounding from those of a request that is alone.
    """

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is; starting it first if needed."""

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count the tokens of each text as it would stand inside a prompt, special tokens off."""

    def stream(self, request: GenerationRequest) -> GenerationStream:
        """Start a generation and return at once."""

    def holds(self, head: str, blocks: Sequence[Block]) -> tuple[bool, ...]:
        """Tell of each block whether a prompt with this head can use it without computing it."""

    def keep(self, head: str, block: Block) -> bool:
        """Compute a block for prompts with this head and keep it; tell whether it is kept now.

        Gives way to every generation: what it has not finished then, it begins again afterwards.
        """

    def forget(self) -> None:
        """Drop soon what is in memory of earlier prompts, and of blocks whose files were deleted.

        To be called when documents were: nothing else depends on it, least of all any reply.
        """

    def close(self) -> None:
        """End the model and free its memory; idempotent. A closed generator refuses requests."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Embedder(Protocol):
    """Text to unit vectors. Thread-safe."""

    @property
    def info(self) -> EmbedderInfo:
        """What this embedder is."""

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count the tokens each text occupies in the model's window, special tokens included."""

    def token_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Return the half-open character range of every token of `text`, special tokens left out.

        In order, not overlapping: where one character becomes several tokens, those after the
        first have the empty range behind it. Any length is accepted: nothing is embedded here.
        """

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode passages for the document side of the index.

        Args:
            texts: Passages in the order rows are wanted; may be empty. Each must fit in
                `info.max_tokens`; nothing is truncated.

        Returns:
            float32, shape [len(texts), dim], C-contiguous, each row of unit L2 norm.

        Raises:
            TextTooLongError: a passage is over `info.max_tokens`; carries its index and length.
        """

    def embed_query(self, text: str) -> FloatVector:
        """Encode one query; float32, shape [dim], unit norm. Long queries: leading tokens only.

        A query is a person's question, not evidence: what follows the window cannot be cited, so
        it is the one place where the model's window may cut.
        """
