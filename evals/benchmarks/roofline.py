"""`roofline`: reading and writing against what memory and arithmetic units allow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch

from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedGenerator,
    Quantity,
    Rounds,
    Workbench,
)
from evals.benchmarks.weights import speeds_of, timed_reply
from models.gguf import Tensor, n_bytes

_BUFFER_BYTES = 256 * 2**20
"""Well over the last cache; a model's weights are, too."""
_ROWS, _INNER, _COLUMNS = 512, 1536, 8960
"""Of the int8 product: a batch of tokens times a matrix of a 1.5B model."""
_TRIES = 5
_WARM_UP = -1
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"


class Roofline:
    """Which share of the machine's limits the generator reaches."""

    name = "roofline"
    title = "what memory and int8 arithmetic of this machine allow, against the generator"
    quantities = (
        Quantity(name="prefill", unit="Gmul-adds/s", higher_is_better=True, gate=0.40),
        Quantity(name="decode", unit="GB/s", higher_is_better=True, gate=0.65),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Start the generator and reserve the buffers of the limits."""
        n_threads = torch.get_num_threads()
        with (
            workbench.open_generator(use_fitted=True) as opened,
            ThreadPoolExecutor(workbench.threads) as pool,
        ):
            torch.set_num_threads(workbench.threads)
            try:
                rounds = _RooflineRounds(opened, pool, workbench.threads)
                rounds.baseline(_WARM_UP)
                rounds.plinth(_WARM_UP)
                yield rounds
            finally:
                torch.set_num_threads(n_threads)


class _RooflineRounds:
    def __init__(self, opened: OpenedGenerator, pool: ThreadPoolExecutor, threads: int) -> None:
        self._opened = opened
        self._pool = pool
        self._threads = threads
        self._nonce = time.time_ns()
        self._bytes_a_token = bytes_a_token(opened.tensors)
        self._mul_adds_a_token = mul_adds_a_token(opened.tensors)
        buffer = np.ones(_BUFFER_BYTES // 4, dtype=np.float32)
        self._parts = np.array_split(buffer, threads)
        self._left = torch.ones((_ROWS, _INNER), dtype=torch.int8)
        self._right = torch.ones((_COLUMNS, _INNER), dtype=torch.int8).t()

    @property
    def conditions(self) -> Conditions:
        return {
            "model": self._opened.generator.info.name,
            "weights": self._opened.weights,
            "sha256": self._opened.sha256,
            "threads": self._threads,
            "bytes_a_token": self._bytes_a_token,
            "mul_adds_a_token": self._mul_adds_a_token,
            "decode_limit": (
                f"maximum over {_BUFFER_BYTES >> 20} MiB of float32 (numpy), each thread its part; "
                f"best of {_TRIES}"
            ),
            "prefill_limit": (
                f"int8 product {_ROWS} x {_INNER} x {_COLUMNS} (torch._int_mm: oneDNN's kernels); "
                f"best of {_TRIES}"
            ),
            "not_counted": "attention, keys and values, norms: Plinth does more than it is given",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        del round_index  # the same in every round
        # The best: a limit is what the machine can do, whatever else happened just then.
        read_s = best_s(lambda: list(self._pool.map(np.max, self._parts)))
        product_s = best_s(lambda: torch._int_mm(self._left, self._right))
        return {
            "prefill": _ROWS * _INNER * _COLUMNS / product_s / 1e9,
            "decode": _BUFFER_BYTES / read_s / 1e9,
        }

    def plinth(self, round_index: int) -> Mapping[str, float]:
        done = timed_reply(self._opened, f"{self._nonce}-{round_index + 1:04}")
        prefill, decode = speeds_of(done)
        return {
            "prefill": prefill * self._mul_adds_a_token / 1e9,
            "decode": decode * self._bytes_a_token / 1e9,
        }


def bytes_a_token(tensors: Sequence[Tensor]) -> int:
    """Return how many bytes of weights are read to write one token.

    All matrices; of the embedding one row, which does not count, unless it is the output matrix.

    Raises:
        NeedMissingError: the model has experts, of which each token reads others.
    """
    return sum(n_bytes(tensor.shape, tensor.type_id) for tensor in _multiplied(tensors))


def mul_adds_a_token(tensors: Sequence[Tensor]) -> int:
    """Return how many multiplications a token of a prompt takes in the matrices of the layers.

    Raises:
        NeedMissingError: the model has experts.
    """
    return sum(
        math.prod(tensor.shape)
        for tensor in _multiplied(tensors)
        if tensor.name not in (_EMBEDDING, _OUTPUT)  # of the last token of a prompt alone
    )


def best_s(work: Callable[[], object]) -> float:
    """Return the shortest of some runs, in seconds."""
    times = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def _multiplied(tensors: Sequence[Tensor]) -> list[Tensor]:
    if any(len(tensor.shape) > 2 for tensor in tensors):
        raise NeedMissingError(
            "the roofline of a model with experts is not known; set another models.generator"
        )
    has_output = any(tensor.name == _OUTPUT for tensor in tensors)
    return [
        tensor
        for tensor in tensors
        if len(tensor.shape) == 2 and not (has_output and tensor.name == _EMBEDDING)
    ]
