"""Several generations at a time in one context: who computes what in the next batch.

Each step computes one batch: the next token of every reply that is being written, and a slice of
one prompt that waits. Reading the weights is most of the work for a single token, so the tokens of
several replies, and of a prompt beside them, take hardly longer than one.

A generation that is alone is computed in the same batches as if there were no scheduler, so its
numbers are the same to the last bit. In company they may differ by rounding, since attention adds
up what is in the cache in another order: where two tokens are all but equally likely, the text may
differ.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from models.llama.context import BATCH_TOKENS, ComputationCancelled, LlamaContext
from models.llama.generation import LlamaGeneration, Plan, Steps
from models.llama.units import Part, Tokens
from models.types import FloatVector, Generation, GenerationRequest

_STEP_S = 0.5
"""How long replies may pause for a slice of a prompt, at most: a reader has a word to read for so
long, and each batch reads the weights once, which takes a tenth of it in a half of this."""
_LEAST_SLICE, _MOST_SLICE = 8, 128
_ROWS_STEP = 4
"""The kernels for quantised weights compute rows by fours: one row more costs as much as four."""
_SHORT_TOKENS = 64
"""So short a prompt, or a probe, goes before longer ones: it delays them by less than a second."""
_SMOOTHING = 0.3
_NO_LOGITS: FloatVector = np.empty(0, dtype=np.float32)
_Outcome = TypeVar("_Outcome")


class Pace:
    """How many tokens of a prompt fit into a step beside replies; learns from steps done."""

    def __init__(self) -> None:
        self._row_s = _STEP_S / (2 * _LEAST_SLICE)

    def slice_tokens(self, n_replies: int) -> int:
        """Return the most tokens of a prompt to compute beside the next token of some replies."""
        rows = int(_STEP_S / self._row_s)
        rows -= rows % _ROWS_STEP
        return max(_LEAST_SLICE, min(_MOST_SLICE, rows)) - n_replies % _ROWS_STEP

    def learn(self, n_rows: int, took_s: float) -> None:
        """Take in how long a batch took; small ones say nothing of what a row more costs."""
        if n_rows >= _LEAST_SLICE:
            self._row_s += _SMOOTHING * (took_s / n_rows - self._row_s)


@dataclass(slots=True)
class _Run:
    """A generation under way."""

    request_id: int
    steps: Steps[Generation]
    needed_tokens: int
    done: Callable[[Generation], None]
    pending: Part

    @property
    def is_next_token(self) -> bool:
        return len(self.pending.tokens) == 1


@dataclass(frozen=True, slots=True)
class _Waiting:
    request_id: int
    plan: Plan
    emit: Callable[[str], None]
    done: Callable[[Generation], None]


class Scheduler:
    """Drives generations to their ends; belongs to the context's thread, but for `aborts`.

    They begin in the order in which they were added, as soon as the cells of the cache that they
    can need are free: none is overtaken, and one that has begun never lacks memory.
    """

    def __init__(
        self,
        generation: LlamaGeneration,
        context: LlamaContext,
        *,
        context_tokens: int,
        parallel: int,
        is_cancelled: Callable[[int], bool],
    ) -> None:
        """Start empty.

        Args:
            generation: Makes the generations.
            context: Of `generation`.
            context_tokens: Cells of the context.
            parallel: Most generations under way at a time, at most the context's.
            is_cancelled: Of a request's id; safe from any thread.
        """
        self._generation = generation
        self._context = context
        self._context_tokens = context_tokens
        self._parallel = parallel
        self._is_cancelled = is_cancelled
        self._waiting: deque[_Waiting] = deque()
        self._runs: list[_Run] = []
        self._pace = Pace()
        self._sole_id: int | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._runs and not self._waiting

    def aborts(self) -> bool:
        """Tell whether the batch being computed is for nobody; safe from any thread."""
        request_id = self._sole_id
        return request_id is not None and self._is_cancelled(request_id)

    def add(
        self,
        request_id: int,
        request: GenerationRequest,
        emit: Callable[[str], None],
        done: Callable[[Generation], None],
    ) -> None:
        """Take in a request.

        Args:
            request_id: By which `is_cancelled` knows it.
            request: What to generate.
            emit: Called with each piece of text.
            done: Called with the outcome, once.

        Raises:
            ContextOverflowError: it would not fit, however long it waited.
        """
        plan = self._generation.plan(request)
        self._waiting.append(_Waiting(request_id, plan, emit, done))

    def step(self) -> None:
        """Compute one batch and hand out what comes of it."""
        self._drop_cancelled()
        self._begin_waiting()
        batch = self._next_batch()
        if not batch:
            return
        self._sole_id = batch[0][0].request_id if len(batch) == 1 else None
        begun_s = time.perf_counter()
        try:
            self._context.compute([part for _, part in batch])
        except ComputationCancelled as error:
            self._resume(batch[0][0], error)
            return
        finally:
            self._sole_id = None
        logits = [_logits(self._context, index, part) for index, (_, part) in enumerate(batch)]
        self._pace.learn(sum(len(part.tokens) for _, part in batch), time.perf_counter() - begun_s)
        for (run, part), row in zip(batch, logits, strict=True):
            rest = run.pending.tokens[len(part.tokens) :]
            if rest:
                run.pending = Part(run.pending.sequence, rest, run.pending.wants_logits)
            else:
                self._resume(run, row)

    def _drop_cancelled(self) -> None:
        for run in [run for run in self._runs if self._is_cancelled(run.request_id)]:
            self._resume(run, ComputationCancelled())
        for one in [one for one in self._waiting if self._is_cancelled(one.request_id)]:
            self._waiting.remove(one)
            one.done(one.plan.progress.outcome())

    def _begin_waiting(self) -> None:
        while self._waiting and len(self._runs) < self._parallel:
            reserved = sum(run.needed_tokens for run in self._runs)
            first = self._waiting[0]
            if reserved + first.plan.needed_tokens > self._context_tokens:
                return
            self._waiting.popleft()
            steps = self._generation.generate(first.plan, first.emit)
            self._runs.append(
                _Run(first.request_id, steps, first.plan.needed_tokens, first.done, next(steps))
            )

    def _next_batch(self) -> list[tuple[_Run, Part]]:
        replies = [run for run in self._runs if run.is_next_token]
        batch = [(run, run.pending) for run in replies]
        prompts = [run for run in self._runs if not run.is_next_token]
        if prompts:
            run = min(prompts, key=lambda run: len(run.pending.tokens) > _SHORT_TOKENS)
            n_tokens = self._pace.slice_tokens(len(replies)) if replies else BATCH_TOKENS
            batch.append((run, first_part(run.pending, n_tokens)))
        return batch

    def _resume(self, run: _Run, with_: FloatVector | ComputationCancelled) -> None:
        """Let a generation go on to what it wants next, or to its end."""
        try:
            if isinstance(with_, ComputationCancelled):
                run.pending = run.steps.throw(with_)
            else:
                run.pending = run.steps.send(with_)
        except StopIteration as end:
            self._runs.remove(run)
            run.done(end.value)


def run_alone(context: LlamaContext, steps: Steps[_Outcome]) -> _Outcome:
    """Drive something to its end while nothing else is under way.

    Raises:
        ComputationCancelled: it was cancelled and had no outcome for that.
    """
    try:
        pending = next(steps)
        while True:
            part = first_part(pending, BATCH_TOKENS)
            try:
                context.compute([part])
            except ComputationCancelled as error:
                pending = steps.throw(error)
                continue
            rest: Tokens = pending.tokens[len(part.tokens) :]
            if rest:
                pending = Part(pending.sequence, rest, pending.wants_logits)
            else:
                pending = steps.send(_logits(context, 0, part))
    except StopIteration as end:
        outcome: _Outcome = end.value
        return outcome


def first_part(pending: Part, n_tokens: int) -> Part:
    """Return the first tokens of what is pending; only the last of all of them wants logits."""
    if len(pending.tokens) <= n_tokens:
        return pending
    return Part(pending.sequence, pending.tokens[:n_tokens], wants_logits=False)


def _logits(context: LlamaContext, part_index: int, part: Part) -> FloatVector:
    return context.logits(part_index) if part.wants_logits else _NO_LOGITS
