"""One greedy generation: render the prompt, compute it, sample, emit, probe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.errors import ContextOverflowError
from models.llama.context import ComputationCancelled, LlamaContext, Unit
from models.llama.emission import Emission
from models.llama.model import LlamaModel
from models.llama.prompt_formats import PromptFormat
from models.types import FinishReason, FloatVector, Generation, GenerationRequest, Probe, Prompt

_SEPARATOR = "\n\n"


@dataclass(slots=True)
class _Progress:
    """What has happened so far in a generation; the result is made from it."""

    prompt_tokens: int
    reused_tokens: int
    started_s: float
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
    ) -> None:
        self._model = model
        self._context = context
        self._format = prompt_format
        self._context_tokens = context_tokens

    def render(self, prompt: Prompt) -> list[Unit]:
        """Return the prompt's tokens: the head, each passage, the question.

        Each text is tokenised by itself: its tokens do not depend on its neighbours, and no
        text can take part in a control token.
        """
        text, control = self._model.tokenise, self._model.tokenise_control
        return [
            (
                *control(self._format.head_start),
                *text(prompt.head),
                *control(self._format.head_end),
            ),
            *(tuple(text(passage) + text(_SEPARATOR)) for passage in prompt.passages),
            (*text(prompt.question), *control(self._format.reply_start)),
        ]

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
        prompt_tokens = sum(map(len, units))
        needed_tokens = prompt_tokens + request.max_tokens + len(probe)
        if needed_tokens > self._context_tokens:
            raise ContextOverflowError(
                needed_tokens=needed_tokens, context_tokens=self._context_tokens
            )
        progress = _Progress(
            prompt_tokens=prompt_tokens,
            reused_tokens=self._context.reuse(units),
            started_s=started_s,
        )
        try:
            self._context.compute_prompt(units)
            finish_reason, pending = self._reply(request, progress, emit)
            if request.probe:
                self._context.compute((*pending, *probe))
                progress.probe_log_odds = self._log_odds(request.probe)
            progress.finish_reason = finish_reason
        except ComputationCancelled:
            pass  # the progress so far is the result
        return _outcome(progress)

    def _reply(
        self, request: GenerationRequest, progress: _Progress, emit: Callable[[str], None]
    ) -> tuple[FinishReason, Unit]:
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

    def _render_probe(self, probe: Probe) -> Unit:
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
        prompt_tokens_computed=progress.prompt_tokens - progress.reused_tokens,
        completion_tokens=n_sampled,
        ttft_ms=total_ms if progress.ttft_ms is None else progress.ttft_ms,
        total_ms=total_ms,
        mean_logprob=sum(progress.logprobs) / n_sampled if n_sampled else None,
        probe_log_odds=progress.probe_log_odds,
    )
