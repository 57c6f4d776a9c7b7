"""`weights`: the file fitted to this processor against the original it was made from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedGenerator,
    Quantity,
    Rounds,
    Workbench,
)
from models.types import Generation, GenerationRequest, Prompt

REPLY_TOKENS = 32
QUESTION_PROMPT_TOKENS = 140
QUESTION_REPLY_TOKENS = 24
"""As a fit weighs reading and writing."""

_LEAST_REPLY_TOKENS = 8
_N_LINES = 16
_WARM_UP = -1
_DEPOTS = ("Gdynia", "Aarhus", "Porto", "Bremen", "Turku")


class Weights:
    """Prefill and decode through the generator that answers questions."""

    name = "weights"
    title = "generator with its original weight file, against the file fitted to this processor"
    quantities = (
        # A fitted file may gain in one alone; it must not lose in the other.
        Quantity(name="prefill", unit="tokens/s", higher_is_better=True, gate=0.95),
        Quantity(name="decode", unit="tokens/s", higher_is_better=True, gate=0.95),
        Quantity(name="question", unit="s", higher_is_better=False, gate=1.03),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Start both; the second needs as much memory again."""
        with workbench.open_generator(use_fitted=True) as fitted:
            if not fitted.is_fitted:
                raise NeedMissingError(
                    f"cannot compare weight files: only one is in use ({fitted.reason}); "
                    "`plinth models fit` makes another where that is worthwhile"
                )
            with workbench.open_generator(use_fitted=False) as original:
                rounds = _WeightsRounds(original, fitted, workbench.threads)
                rounds.baseline(_WARM_UP)
                rounds.plinth(_WARM_UP)
                yield rounds


class _WeightsRounds:
    def __init__(self, original: OpenedGenerator, fitted: OpenedGenerator, threads: int) -> None:
        self._original = original
        self._fitted = fitted
        self._threads = threads
        self._nonce = time.time_ns()
        self._tokens: dict[str, int] = {}

    @property
    def conditions(self) -> Conditions:
        return {
            "model": self._original.generator.info.name,
            "baseline_weights": self._original.weights,
            "baseline_sha256": self._original.sha256,
            "plinth_weights": self._fitted.weights,
            "plinth_sha256": self._fitted.sha256,
            "threads": self._threads,
            **self._tokens,
            "question_tokens": f"{QUESTION_PROMPT_TOKENS} read, {QUESTION_REPLY_TOKENS} written",
            "state": "cold: weights loaded, no token of a prompt cached",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        return self._measure(self._original, round_index)

    def plinth(self, round_index: int) -> Mapping[str, float]:
        return self._measure(self._fitted, round_index)

    def _measure(self, opened: OpenedGenerator, round_index: int) -> Mapping[str, float]:
        done = timed_reply(opened, f"{self._nonce}-{round_index + 1:04}")
        self._tokens = {
            "tokens_shown": done.prompt_tokens,
            "tokens_computed": done.prompt_tokens_computed,
            "tokens_written": done.completion_tokens,
        }
        prefill, decode = speeds_of(done)
        return {
            "prefill": prefill,
            "decode": decode,
            "question": QUESTION_PROMPT_TOKENS / prefill + QUESTION_REPLY_TOKENS / decode,
        }


def timed_reply(opened: OpenedGenerator, mark: str) -> Generation:
    """Have a generator read `a_prompt` and write `REPLY_TOKENS`.

    Raises:
        NeedMissingError: it wrote too little to be measured.
    """
    request = GenerationRequest(prompt=a_prompt(mark), max_tokens=REPLY_TOKENS)
    done = opened.generator.stream(request).result()
    if done.completion_tokens < _LEAST_REPLY_TOKENS or done.total_ms <= done.ttft_ms:
        raise NeedMissingError(
            f"cannot measure {opened.weights}: it replied with {done.completion_tokens} "
            f"tokens, {_LEAST_REPLY_TOKENS} are needed; choose another models.generator"
        )
    return done


def speeds_of(done: Generation) -> tuple[float, float]:
    """Return tokens a second that were read and written."""
    return (
        done.prompt_tokens_computed * 1000 / done.ttft_ms,
        (done.completion_tokens - 1) * 1000 / (done.total_ms - done.ttft_ms),
    )


def a_prompt(mark: str) -> Prompt:
    """Return a prompt of about 600 tokens of which no part was ever seen before.

    Args:
        mark: Never used before. It begins every part, so that no cache of any part can help.
    """
    lines = [
        f"{mark}: depot {_DEPOTS[n % len(_DEPOTS)]} took in {100 + 7 * n} pallets on day {n + 1}."
        for n in range(_N_LINES)
    ]
    half = _N_LINES // 2
    return Prompt(
        head=f"{mark}. You count aloud.",
        passages=("\n".join(lines[:half]), "\n".join(lines[half:])),
        question=f"{mark}. Write the numbers from 1 to 100, separated by commas, and nothing else.",
    )
