"""Deterministic stand-ins for models: instant, without weights, held to the same contracts."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from models.errors import ContextOverflowError, ModelError, TextTooLongError
from models.types import (
    Block,
    EmbedderInfo,
    FinishReason,
    FloatMatrix,
    FloatVector,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    normalised,
)

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SUFFIX = re.compile(r"(?:ing|ed|es|s)$")
_SPECIAL_TOKENS = 2
_DIM = 256
_NOTHING = "The passages do not say."


class FakeEmbedder:
    """Hashed bags of roughly stemmed words: texts that share words are near each other."""

    def __init__(self, *, max_tokens: int = 256) -> None:
        self._info = EmbedderInfo(
            name="fake-embedder", fingerprint=f"fake-{max_tokens}", dim=_DIM, max_tokens=max_tokens
        )

    @property
    def info(self) -> EmbedderInfo:
        """What this embedder is."""
        return self._info

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count words and punctuation marks, and two special tokens."""
        return tuple(_count(text) + _SPECIAL_TOKENS for text in texts)

    def token_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Return the character range of every word and punctuation mark."""
        return tuple(match.span() for match in _TOKEN.finditer(text))

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode passages; see `models.protocols.Embedder`."""
        for index, n_tokens in enumerate(self.count_tokens(texts)):
            if n_tokens > self._info.max_tokens:
                raise TextTooLongError(
                    index=index, n_tokens=n_tokens, max_tokens=self._info.max_tokens
                )
        if not texts:
            return np.empty((0, _DIM), dtype=np.float32)
        return normalised(np.stack([_bag(text) for text in texts]))

    def embed_query(self, text: str) -> FloatVector:
        """Encode one query by its leading tokens."""
        spans = self.token_spans(text)[: self._info.max_tokens - _SPECIAL_TOKENS]
        return normalised(_bag(text[: spans[-1][1]] if spans else ""))


class FakeGenerator:
    """Repeats the sentence of the passages that shares most words with the question.

    Args:
        context_tokens: Longest prompt and reply together.
        reply: What it says instead, whatever the prompt.
    """

    def __init__(self, *, context_tokens: int = 4096, reply: str | None = None) -> None:
        self._reply = reply
        self._info = GeneratorInfo(
            name="fake-generator",
            sha256="",
            context_tokens=context_tokens,
            fingerprint=f"fake-{context_tokens}",
        )
        self._is_closed = False
        self._kept: set[tuple[str, str, str]] = set()

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is."""
        return self._info

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count words and punctuation marks."""
        return tuple(_count(text) for text in texts)

    def stream(self, request: GenerationRequest) -> FakeStream:
        """Start a generation; it advances as it is iterated."""
        self._refuse_if_closed()
        blocks = [one for one in request.prompt.passages if isinstance(one, Block)]
        held = self.holds(request.prompt.head, blocks)
        passages = tuple(map(_text, request.prompt.passages))
        attached = sum(_count(b.text) for b, is_held in zip(blocks, held, strict=True) if is_held)
        return FakeStream(request, passages, self._info.context_tokens, self._reply, attached)

    def holds(self, head: str, blocks: Sequence[Block]) -> tuple[bool, ...]:
        """Tell which blocks were kept for this head."""
        return tuple((head, block.name, block.text) in self._kept for block in blocks)

    def keep(self, head: str, block: Block) -> bool:
        """Keep a block until the generator is closed."""
        self._refuse_if_closed()
        self._kept.add((head, block.name, block.text))
        return True

    def forget(self) -> None:
        """Do nothing: no prompt is remembered, and kept blocks have no files."""

    def close(self) -> None:
        """Refuse further requests."""
        self._is_closed = True

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise ModelError("this generator is closed; build another one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class FakeStream:
    """A generation of `FakeGenerator`."""

    def __init__(
        self,
        request: GenerationRequest,
        passages: Sequence[str],
        context_tokens: int,
        reply: str | None,
        attached_tokens: int,
    ) -> None:
        self._request = request
        self._passages = passages
        self._attached_tokens = attached_tokens
        self._reply = reply
        self._context_tokens = context_tokens
        self._arrived = time.monotonic()
        self._cancelled = Event()
        self._emitted: list[str] = []
        self._result: Generation | None = None
        self._pieces = self._generate()

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def cancel(self) -> None:
        """End before the next piece."""
        self._cancelled.set()

    def result(self) -> Generation:
        """Drain what is left and return the outcome."""
        for _ in self._pieces:
            pass
        if self._result is None:
            raise ModelError("this generation has failed before; start another one")
        return self._result

    def _generate(self) -> Iterator[str]:
        prompt = self._request.prompt
        prompt_tokens = sum(map(_count, (prompt.head, *self._passages, prompt.question))) + 1
        needed = prompt_tokens + self._request.max_tokens
        if needed > self._context_tokens:
            raise ContextOverflowError(needed_tokens=needed, context_tokens=self._context_tokens)
        found, share = _best_sentence(self._passages, prompt.question)
        reply = found if self._reply is None else self._reply
        finish_reason = FinishReason.STOP
        for piece in _pieces(_before_stop(reply, self._request.stop)):
            if self._cancelled.is_set():
                finish_reason = FinishReason.CANCELLED
                break
            if len(self._emitted) == self._request.max_tokens:
                finish_reason = FinishReason.LENGTH
                break
            self._emitted.append(piece)
            yield piece
        elapsed_ms = (time.monotonic() - self._arrived) * 1000
        self._result = Generation(
            text="".join(self._emitted),
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            prompt_tokens_computed=prompt_tokens - self._attached_tokens,
            completion_tokens=len(self._emitted),
            ttft_ms=elapsed_ms,
            total_ms=elapsed_ms,
            mean_logprob=share - 1 if self._emitted else None,
            probe_log_odds=None if self._request.probe is None else 8 * share - 4,
        )


def _text(passage: str | Block) -> str:
    return passage if isinstance(passage, str) else passage.text


def _count(text: str) -> int:
    return len(_TOKEN.findall(text))


def _pieces(text: str) -> list[str]:
    """Split into tokens, each with the white space before it; joined they are the text."""
    ends = [match.end() for match in _TOKEN.finditer(text)]
    if not ends:
        return [text] if text else []
    starts = [0, *ends[:-1]]
    ends[-1] = len(text)
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _before_stop(text: str, stops: Sequence[str]) -> str:
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]


def _stems(text: str) -> list[str]:
    return [_SUFFIX.sub("", word) or word for word in re.findall(r"\w+", text.lower())]


def _best_sentence(passages: Sequence[str], question: str) -> tuple[str, float]:
    """Return the first best sentence and the fraction (0-1) of the question's words it shares."""
    asked = set(_stems(question))
    best, best_share = _NOTHING, 0.0
    for passage in passages:
        for match in _SENTENCE.finditer(passage):
            share = len(asked.intersection(_stems(match[0]))) / max(len(asked), 1)
            if share > best_share:
                best, best_share = match[0].strip(), share
    return best, best_share


def _bag(text: str) -> FloatVector:
    vector = np.zeros(_DIM, dtype=np.float32)
    vector[0] = 0.1  # keeps a text without words, and words that cancel out, off zero
    for stem, count in Counter(_stems(text)).items():
        digest = int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest(), "big")
        vector[1 + digest % (_DIM - 1)] += count if digest >> 63 else -count
    return vector
