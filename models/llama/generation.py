"""One greedy generation: render the prompt, compute or attach it, sample, emit, probe.

A generation is a coroutine: it yields what it wants computed next and is sent the logits, so that
whoever drives it (`models.llama.scheduler`) can compute several in one batch.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import ContextOverflowError
from models.llama.block_store import BlockPlace, BlockStore, State
from models.llama.context import ComputationCancelled, LlamaContext
from models.llama.emission import Emission
from models.llama.model import LlamaModel
from models.llama.prompt_formats import PromptFormat
from models.llama.units import BlockUnit, Part, Tokens, Unit
from models.types import (
    Block,
    FinishReason,
    FloatVector,
    Generation,
    GenerationRequest,
    Probe,
    Prompt,
)

_Outcome = TypeVar("_Outcome")
Steps = Generator[Part, FloatVector, _Outcome]
"""A coroutine: yields what is to be computed, is sent the logits it wants, returns its outcome.

`ComputationCancelled` is thrown into it where the computation was given up.
"""
_SEPARATOR = "\n\n"
_KEY_CHARS = 32


@dataclass(slots=True)
class Progress:
    """What has happened so far in a generation; the result is made from it."""

    prompt_tokens: int
    started_s: float
    computed_tokens: int = 0
    finish_reason: FinishReason = FinishReason.CANCELLED
    text: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    ttft_ms: float | None = None
    probe_log_odds: float | None = None

    def elapsed_ms(self) -> float:
        """Return the time since the request arrived."""
        return (time.perf_counter() - self.started_s) * 1000

    def outcome(self) -> Generation:
        """Return the result if it ended here."""
        n_sampled = len(self.logprobs)
        total_ms = self.elapsed_ms()
        return Generation(
            text="".join(self.text),
            finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens,
            prompt_tokens_computed=self.computed_tokens,
            completion_tokens=n_sampled,
            ttft_ms=total_ms if self.ttft_ms is None else self.ttft_ms,
            total_ms=total_ms,
            mean_logprob=sum(self.logprobs) / n_sampled if n_sampled else None,
            probe_log_odds=self.probe_log_odds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request as tokens, with what it can need; nothing is computed yet."""

    request: GenerationRequest
    units: list[Unit]
    probe: Tokens
    needed_tokens: int
    """Most cells of the cache that it can take at a time."""
    progress: Progress


class LlamaGeneration:
    """Generates with one model and one context; belongs to the context's thread."""

    def __init__(
        self,
        model: LlamaModel,
        context: LlamaContext,
        prompt_format: PromptFormat,
        *,
        context_tokens: int,
        blocks: BlockStore,
        blocks_key: str,
        threads: int,
    ) -> None:
        """Take the parts.

        Args:
            model: Tokenises.
            context: Computes; nobody else uses it.
            prompt_format: Of the model.
            context_tokens: Prompt and reply together.
            blocks: Keeps computed passages.
            blocks_key: Of all that makes them valid, but for their tokens and the head's.
            threads: Of the context; what nobody waits for is computed with one less.
        """
        self._model = model
        self._context = context
        self._format = prompt_format
        self._context_tokens = context_tokens
        self._blocks = blocks
        self._blocks_key = blocks_key
        self._threads = threads
        self._spare_threads = max(1, threads - 1)

    def render(self, prompt: Prompt) -> list[Unit]:
        """Return the prompt's tokens: the head, each passage, the question.

        Each text is tokenised by itself: its tokens do not depend on its neighbours, and no
        text can take part in a control token.
        """
        text, control = self._model.tokenise, self._model.tokenise_control
        separator = () if prompt.grows else text(_SEPARATOR)
        return [
            self._render_head(prompt.head),
            *(
                self._render_block(passage)
                if isinstance(passage, Block)
                else (*text(passage), *separator)
                for passage in prompt.passages
            ),
            (*text(prompt.question), *control(self._format.reply_start)),
        ]

    def holds(self, head: str, block: Block) -> bool:
        """Tell whether a block is kept; safe from any thread."""
        return self._blocks.holds(self._place(self._render_head(head), self._render_block(block)))

    def keep(self, head: str, block: Block) -> Steps[bool]:
        """Compute a block if it is not kept, keep it, and tell whether it is kept now.

        Nothing else may be under way: what is kept is what a prompt would compute alone.

        Raises:
            ComputationCancelled: nothing is kept.
        """
        head_tokens, unit = self._render_head(head), self._render_block(block)
        place = self._place(head_tokens, unit)
        if self._blocks.holds(place):
            return True
        if len(head_tokens) + len(unit) > self._context_tokens:
            return False
        if not self._context.moves_blocks:
            print("this kind of model cannot reuse passages", file=sys.stderr, flush=True)
            return False
        # With all of them, whatever else wants the processor meanwhile would wait.
        self._context.use_threads(self._spare_threads)
        sequence = self._context.begin((head_tokens, unit))
        try:
            yield from self._compute_head(sequence, head_tokens)
            state = yield from self._compute_block(sequence, unit)
        finally:
            self._context.end(sequence)
            self._context.use_threads(self._threads)
        try:
            self._blocks.save(place, state)
        except OSError as error:
            print(f"cannot keep a computed passage: {error}", file=sys.stderr, flush=True)
        return self._blocks.holds(place)

    def plan(self, request: GenerationRequest) -> Plan:
        """Render a request and count what it needs.

        Raises:
            ContextOverflowError: it would not fit, however long it waited.
        """
        started_s = time.perf_counter()
        units = self.render(request.prompt)
        probe = self._render_probe(request.probe) if request.probe else ()
        prompt_tokens = sum(map(len, units))
        needed_tokens = prompt_tokens + request.max_tokens + len(probe)
        if needed_tokens > self._context_tokens:
            raise ContextOverflowError(
                needed_tokens=needed_tokens, context_tokens=self._context_tokens
            )
        return Plan(
            request=request,
            units=units,
            probe=probe,
            needed_tokens=needed_tokens,
            progress=Progress(prompt_tokens=prompt_tokens, started_s=started_s),
        )

    def generate(self, plan: Plan, emit: Callable[[str], None]) -> Steps[Generation]:
        """Generate a reply; cancelled, it returns what there is so far.

        Args:
            plan: What to generate; used once.
            emit: Called with each piece of text, never an empty one.
        """
        request, progress, context = plan.request, plan.progress, self._context
        states = self._load(plan.units)
        is_complete = all(state is not None for state in states.values())
        # What is missing is computed right behind the head, where nothing else may be by then.
        sequence = context.begin(plan.units if is_complete else plan.units[:2])
        try:
            logits = yield from self._compute_prompt(sequence, plan, states)
            finish_reason, pending = yield from self._reply(sequence, plan, logits, emit)
            if request.probe:
                logits = yield Part(sequence, (*pending, *plan.probe))
                progress.probe_log_odds = self._log_odds(request.probe, logits)
            progress.finish_reason = finish_reason
        except ComputationCancelled:
            pass  # the progress so far is the result
        finally:
            context.end(sequence)
        return progress.outcome()

    def forget(self) -> None:
        """Drop what is remembered of prompts, when they have ended, and of blocks that are gone."""
        self._context.forget()
        self._blocks.forget_deleted()

    def _load(self, units: Sequence[Unit]) -> dict[BlockUnit, State | None]:
        head = units[0]
        assert not isinstance(head, BlockUnit)
        return {
            unit: self._blocks.load(self._place(head, unit))
            for unit in units
            if isinstance(unit, BlockUnit)
        }

    def _compute_prompt(
        self, sequence: int, plan: Plan, states: dict[BlockUnit, State | None]
    ) -> Steps[FloatVector]:
        """Compute or attach what is not in the cache; return the logits behind it.

        A block that is not there any more is computed but not kept: its document may have been
        deleted since it was found.
        """
        context, progress, units = self._context, plan.progress, plan.units
        head = units[0]
        assert not isinstance(head, BlockUnit)
        progress.computed_tokens += yield from self._compute_head(sequence, head)
        for block, state in states.items():
            if state is None:
                states[block] = yield from self._compute_block(sequence, block)
                progress.computed_tokens += len(block)
        for unit in units[context.units_held(sequence) : -1]:
            if isinstance(unit, BlockUnit):
                state = states[unit]
                assert state is not None
                context.attach(sequence, unit, state)
            else:
                yield Part(sequence, unit, wants_logits=False)
                progress.computed_tokens += len(unit)
            context.add(sequence, unit)
        if plan.request.prompt.grows:
            context.remember(sequence)
        question = units[-1]
        assert not isinstance(question, BlockUnit)
        logits = yield Part(sequence, question)
        progress.computed_tokens += len(question)
        context.add(sequence, question)
        return logits

    def _compute_head(self, sequence: int, head: Tokens) -> Steps[int]:
        """Compute the head unless it is in the cache; return how many tokens that took."""
        if self._context.units_held(sequence):
            return 0
        yield Part(sequence, head, wants_logits=False)
        self._context.add(sequence, head)
        return len(head)

    def _compute_block(self, sequence: int, block: BlockUnit) -> Steps[State]:
        """Compute a block behind a prompt's head and return its state."""
        scratch = self._context.prepare_block(sequence)
        yield Part(scratch, block.tokens, wants_logits=False)
        return self._context.take_block(sequence)

    def _place(self, head: Tokens, block: BlockUnit) -> BlockPlace:
        parts = (self._blocks_key, head, block.tokens)
        key = hashlib.sha256(repr(parts).encode()).hexdigest()[:_KEY_CHARS]
        return BlockPlace(name=block.name, key=key)

    def _render_head(self, head: str) -> Tokens:
        control = self._model.tokenise_control
        return (
            *control(self._format.head_start),
            *self._model.tokenise(head),
            *control(self._format.head_end),
        )

    def _render_block(self, block: Block) -> BlockUnit:
        text = self._model.tokenise
        # What follows it must not run on from its last line.
        return BlockUnit(block.name, (*text(block.text), *text(_SEPARATOR)))

    def _reply(
        self, sequence: int, plan: Plan, logits: FloatVector, emit: Callable[[str], None]
    ) -> Steps[tuple[FinishReason, Tokens]]:
        """Sample until the end; return why it ended and the reply's token not yet computed."""
        progress, emission = plan.progress, Emission(plan.request.stop)

        def put(text: str) -> None:
            if text:
                progress.text.append(text)
                emit(text)

        try:
            while True:
                token = _sample(logits, progress)
                if self._model.is_end(token):
                    return FinishReason.STOP, ()
                put(emission.feed(self._model.piece(token)))
                if emission.is_stopped:
                    return FinishReason.STOP, ()
                if len(progress.logprobs) == plan.request.max_tokens:
                    return FinishReason.LENGTH, (token,)
                logits = yield Part(sequence, (token,))
        finally:
            put(emission.flush())

    def _render_probe(self, probe: Probe) -> Tokens:
        control = self._model.tokenise_control
        return (
            *control(self._format.reply_end),
            *self._model.tokenise(probe.question),
            *control(self._format.reply_start),
        )

    def _log_odds(self, probe: Probe, logits: FloatVector) -> float:
        yes, no = self._first_tokens(probe.yes), self._first_tokens(probe.no)
        return _log_sum_exp(logits[yes]) - _log_sum_exp(logits[no])

    def _first_tokens(self, word: str) -> NDArray[np.intp]:
        spellings = {f"{space}{form}" for space in ("", " ") for form in (word, word.capitalize())}
        return np.unique([self._model.tokenise(spelling)[0] for spelling in spellings])


def _log_sum_exp(values: FloatVector) -> float:
    largest = float(values.max())
    return largest + float(np.log(np.exp(values - largest).sum()))


def _sample(logits: FloatVector, progress: Progress) -> int:
    token = int(logits.argmax())
    progress.logprobs.append(float(logits[token]) - _log_sum_exp(logits))
    if progress.ttft_ms is None:
        progress.ttft_ms = progress.elapsed_ms()
    return token
