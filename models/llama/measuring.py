"""Speed and predictions of one weight file, for comparing files with each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import llama_cpp
import numpy as np

from models.errors import ModelFileError
from models.fitting.trial import Closeness, Speeds
from models.llama.model import LlamaModel
from models.types import FloatMatrix

_BATCH_TOKENS = 512
_SURE = 0.5


class MeasuredFile:
    """A model with a context of its own, set up as a generator's; belongs to one thread."""

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        self._threads = threads
        self.model = LlamaModel(path)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.no_perf = True
        self._handle = llama_cpp.llama_init_from_model(self.model.handle, params)
        if not self._handle:
            self.model.close()
            raise ModelFileError(f"cannot run the model {str(path)!r}: the memory does not suffice")
        self._memory: Any = llama_cpp.llama_get_memory(self._handle)

    def close(self) -> None:
        """Free weights and context."""
        llama_cpp.llama_free(self._handle)
        self.model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def speeds(self, prompt: Sequence[int], reply: Sequence[int]) -> Speeds:
        """Compute a prompt as one, then a reply token by token, and return tokens a second.

        By processor time, as if all threads had been busy all the time: what other programs took
        meanwhile, which can be more than the file's own share, does not count. That needs threads
        that sleep where they wait: `OMP_WAIT_POLICY=PASSIVE` before the library is loaded.
        """
        llama_cpp.llama_memory_clear(self._memory, False)
        begun_s = time.process_time()
        for start in range(0, len(prompt), _BATCH_TOKENS):
            self._compute(prompt[start : start + _BATCH_TOKENS])
        read_s = time.process_time()
        for token in reply:
            self._compute([token])
        written_s = time.process_time()
        return Speeds(
            prefill_tokens_s=self._threads * len(prompt) / (read_s - begun_s),
            decode_tokens_s=self._threads * len(reply) / (written_s - read_s),
        )

    def log_probabilities(self, tokens: Sequence[int]) -> FloatMatrix:
        """Return float32 [len(tokens), vocabulary]: row i is what may follow the i-th token.

        Args:
            tokens: At most 512, computed from an empty context.
        """
        llama_cpp.llama_memory_clear(self._memory, False)
        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for index, token in enumerate(tokens):
                batch.token[index] = token
                batch.pos[index] = index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = 1
            self._decode(batch)
        finally:
            llama_cpp.llama_batch_free(batch)
        pointer = llama_cpp.llama_get_logits(self._handle)
        logits = np.ctypeslib.as_array(pointer, shape=(len(tokens), self.model.n_tokens))
        shifted = logits - logits.max(axis=1, keepdims=True)
        rows: FloatMatrix = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return rows

    def _compute(self, tokens: Sequence[int]) -> None:
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        self._decode(llama_cpp.llama_batch_get_one(array, len(tokens)))
        llama_cpp.llama_synchronize(self._handle)

    def _decode(self, batch: Any) -> None:
        status = llama_cpp.llama_decode(self._handle, batch)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")


class Comparison:
    """Sums up, text by text, how far a candidate's predictions are from the original's."""

    def __init__(self) -> None:
        self._kl: list[float] = []
        self._agrees: list[bool] = []
        self._is_sure: list[bool] = []

    def add(self, original: FloatMatrix, candidate: FloatMatrix) -> None:
        """Take in the log probabilities of both files, each [positions, vocabulary]."""
        probabilities = np.exp(original)
        self._kl += (probabilities * (original - candidate)).sum(axis=1).tolist()
        self._agrees += (original.argmax(axis=1) == candidate.argmax(axis=1)).tolist()
        self._is_sure += (probabilities.max(axis=1) >= _SURE).tolist()

    def closeness(self) -> Closeness:
        """Return the figures over all positions; there must be some, and sure ones among them."""
        agrees, is_sure = np.array(self._agrees), np.array(self._is_sure)
        return Closeness(
            n_positions=len(self._kl),
            mean_kl=float(np.mean(self._kl)),
            agreement=float(agrees.mean()),
            n_sure=int(is_sure.sum()),
            sure_agreement=float(agrees[is_sure].mean()),
        )
