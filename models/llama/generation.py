"""One greedy generation: render the prompt, compute or attach it, sample, emit, probe."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.errors import ContextOverflowError
from models.llama.block_store import BlockPlace, BlockStore, State
from models.llama.context import BlockUnit, ComputationCancelled, LlamaContext, Tokens, Unit
from models.llama.emission import Emission
from models.llama.model import LlamaModel
from models.llama.prompt_formats import PromptFormat
from models.types import (
    Block,
    FinishReason,
    FloatVector,
    Generation,
    GenerationRequest,
    Probe,
    Prompt,
)

_SEPARATOR = "\n\n"
_KEY_CHARS = 32


@dataclass(slots=True)
class _Progress:
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
        return (time.perf_counter() - self.started_s) * 1000


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
        spare_threads: int,
    ) -> None:
        """Take the parts.

        Args:
            model: Tokenises.
            context: Computes; nobody else uses it.
            prompt_format: Of the model.
            context_tokens: Prompt and reply together.
            blocks: Keeps computed passages.
            blocks_key: Of all that makes them valid, but for their tokens and the head's.
            spare_threads: For computing what nobody waits for.
        """
        self._model = model
        self._context = context
        self._format = prompt_format
        self._context_tokens = context_tokens
        self._blocks = blocks
        self._blocks_key = blocks_key
        self._spare_threads = spare_threads

    def render(self, prompt: Prompt) -> list[Unit]:
        """Return the prompt's tokens: the head, each passage, the question.

        Each text is tokenised by itself: its tokens do not depend on its neighbours, and no
        text can take part in a control token.
        """
        text, control = self._model.tokenise, self._model.tokenise_control
        return [
            self._render_head(prompt.head),
            *(
                self._render_block(passage)
                if isinstance(passage, Block)
                else tuple(text(passage) + text(_SEPARATOR))
                for passage in prompt.passages
            ),
            (*text(prompt.question), *control(self._format.reply_start)),
        ]

    def holds(self, head: str, block: Block) -> bool:
        """Tell whether a block is kept; safe from any thread."""
        return self._blocks.holds(self._place(self._render_head(head), self._render_block(block)))

    def keep(self, head: str, block: Block) -> bool:
        """Compute a block if it is not kept, keep it, and tell whether it is kept now.

        Raises:
            ComputationCancelled: nothing is kept.
        """
        head_tokens, unit = self._render_head(head), self._render_block(block)
        place = self._place(head_tokens, unit)
        if self._blocks.holds(place):
            return True
        if len(head_tokens) + len(unit.tokens) > self._context_tokens:
            return False
        # With all of them, whatever else wants the processor meanwhile would wait.
        state = self._context.compute_block(head_tokens, unit, threads=self._spare_threads)
        try:
            self._blocks.save(place, state)
        except OSError as error:
            print(f"cannot keep a computed passage: {error}", file=sys.stderr, flush=True)
        return self._blocks.holds(place)

    def generate(self, request: GenerationRequest, emit: Callable[[str], None]) -> Generation:
        """Generate a reply.

        Args:
            request: What to generate.
            emit: Called with each piece of text, never an empty one.

        Raises:
            ContextOverflowError: it would not fit; nothing was computed.
        """
        started_s = time.perf_counter()
        units = self.render(request.prompt)
        probe = self._render_probe(request.probe) if request.probe else ()
        # A block is in the cache as a whole before its hidden pieces are removed.
        whole_tokens = sum(len(u.tokens) if isinstance(u, BlockUnit) else len(u) for u in units)
        needed_tokens = whole_tokens + request.max_tokens + len(probe)
        if needed_tokens > self._context_tokens:
            raise ContextOverflowError(
                needed_tokens=needed_tokens, context_tokens=self._context_tokens
            )
        progress = _Progress(prompt_tokens=sum(map(len, units)), started_s=started_s)
        try:
            states = self._states(units, progress)
            self._context.reuse(units)
            progress.computed_tokens += self._context.compute_prompt(units, states)
            finish_reason, pending = self._reply(request, progress, emit)
            if request.probe:
                self._context.compute((*pending, *probe))
                progress.probe_log_odds = self._log_odds(request.probe)
            progress.finish_reason = finish_reason
        except ComputationCancelled:
            pass  # the progress so far is the result
        return _outcome(progress)

    def _states(self, units: Sequence[Unit], progress: _Progress) -> dict[BlockUnit, State]:
        """Return the states of a prompt's blocks; what is not there any more is computed.

        That is not kept: its document may have been deleted since it was found.
        """
        head = units[0]
        assert not isinstance(head, BlockUnit)
        states = {}
        for unit in units:
            if isinstance(unit, BlockUnit):
                state = self._blocks.load(self._place(head, unit))
                if state is None:
                    state = self._context.compute_block(head, unit)
                    progress.computed_tokens += len(unit.tokens)
                states[unit] = state
        return states

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
        pieces = [tuple(text(piece)) for piece in block.pieces]
        # What follows it must not run on from its last line, whichever piece that is.
        end = len(pieces)
        return BlockUnit(block.name, (*pieces, tuple(text(_SEPARATOR))), (*block.shown, end))

    def _reply(
        self, request: GenerationRequest, progress: _Progress, emit: Callable[[str], None]
    ) -> tuple[FinishReason, Tokens]:
        """Sample until the end; return why it ended and the reply's token not yet computed."""
        emission = Emission(request.stop)

        def put(text: str) -> None:
            if text:
                progress.text.append(text)
                emit(text)

        try:
            while True:
                token = self._sample(progress)
                if self._model.is_end(token):
                    return FinishReason.STOP, ()
                put(emission.feed(self._model.piece(token)))
                if emission.is_stopped:
                    return FinishReason.STOP, ()
                if len(progress.logprobs) == request.max_tokens:
                    return FinishReason.LENGTH, (token,)
                self._context.compute((token,))
        finally:
            put(emission.flush())

    def _sample(self, progress: _Progress) -> int:
        logits = self._context.logits()
        token = int(logits.argmax())
        progress.logprobs.append(float(logits[token]) - _log_sum_exp(logits))
        if progress.ttft_ms is None:
            progress.ttft_ms = progress.elapsed_ms()
        return token

    def _render_probe(self, probe: Probe) -> Tokens:
        control = self._model.tokenise_control
        return (
            *control(self._format.reply_end),
            *self._model.tokenise(probe.question),
            *control(self._format.reply_start),
        )

    def _log_odds(self, probe: Probe) -> float:
        logits = self._context.logits()
        yes, no = self._first_tokens(probe.yes), self._first_tokens(probe.no)
        return _log_sum_exp(logits[yes]) - _log_sum_exp(logits[no])

    def _first_tokens(self, word: str) -> NDArray[np.intp]:
        spellings = {f"{space}{form}" for space in ("", " ") for form in (word, word.capitalize())}
        return np.unique([self._model.tokenise(spelling)[0] for spelling in spellings])


def _log_sum_exp(values: FloatVector) -> float:
    largest = float(values.max())
    return largest + float(np.log(np.exp(values - largest).sum()))


def _outcome(progress: _Progress) -> Generation:
    n_sampled = len(progress.logprobs)
    total_ms = progress.elapsed_ms()
    return Generation(
        text="".join(progress.text),
        finish_reason=progress.finish_reason,
        prompt_tokens=progress.prompt_tokens,
        prompt_tokens_computed=progress.computed_tokens,
        completion_tokens=n_sampled,
        ttft_ms=total_ms if progress.ttft_ms is None else progress.ttft_ms,
        total_ms=total_ms,
        mean_logprob=sum(progress.logprobs) / n_sampled if n_sampled else None,
        probe_log_odds=progress.probe_log_odds,
    )
