"""The KV cache of one model and what is in it: no token of a prompt is computed twice in vain.

There is one sequence, and its tokens lie in the cache at their own positions. That makes results
exactly repeatable: whatever was computed before, equal prompts meet equal caches. A prompt comes
as units (head, passages, question) that are computed apart, so that a unit's numbers do not
depend on how much of the prompt was there already.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np

from models.errors import ModelFileError
from models.llama.model import LlamaModel
from models.types import FloatVector

Unit = tuple[int, ...]
"""Tokens that are computed, kept and dropped together."""

_BATCH_TOKENS = 512
_HEADS_KEPT = 4
_ABORTED = 2


class ComputationCancelled(Exception):
    """The computation was abandoned because `is_cancelled` said so."""


class LlamaContext:
    """Belongs to one thread."""

    def __init__(
        self,
        model: LlamaModel,
        *,
        context_tokens: int,
        threads: int,
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Reserve the cache.

        Args:
            model: Stays open for longer than this context.
            context_tokens: Most tokens in the cache.
            threads: At least 1.
            is_cancelled: Asked many times a second during a computation; True abandons it.

        Raises:
            ModelFileError: the model was trained for less context, or memory does not suffice.
        """
        if context_tokens > model.trained_context_tokens:
            raise ModelFileError(
                f"cannot run the model {str(model.path)!r} with {context_tokens} tokens of "
                f"context: it was trained for {model.trained_context_tokens}; "
                "lower models.context_tokens"
            )
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.no_perf = True
        self._is_cancelled = is_cancelled
        # ctypes does not keep the callback alive; this attribute does.
        self._abort = llama_cpp.llama_cpp.ggml_abort_callback(lambda _: is_cancelled())
        params.abort_callback = self._abort
        self._handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise ModelFileError(
                f"cannot run the model {str(model.path)!r} with {context_tokens} tokens of "
                "context: the memory does not suffice; lower models.context_tokens"
            )
        self._memory: Any = llama_cpp.llama_get_memory(self._handle)
        self._n_vocabulary = model.n_tokens
        self._units: list[Unit] = []
        self._heads: OrderedDict[Unit, ctypes.Array[ctypes.c_uint8]] = OrderedDict()

    def close(self) -> None:
        """Free the cache."""
        llama_cpp.llama_free(self._handle)

    def reuse(self, units: Sequence[Unit]) -> int:
        """Drop from the cache what does not begin the prompt `units`; return the tokens left.

        The last unit is never left: it must be computed for its logits.
        """
        n_kept = 0
        for held, wanted in zip(self._units, units[:-1], strict=False):
            if held != wanted:
                break
            n_kept += 1
        n_tokens = sum(map(len, units[:n_kept]))
        if n_kept and llama_cpp.llama_memory_seq_rm(self._memory, 0, n_tokens, -1):
            self._units = list(units[:n_kept])
            return n_tokens
        llama_cpp.llama_memory_clear(self._memory, False)
        self._units = [units[0]] if self._restore_head(units[0]) else []
        return sum(map(len, self._units))

    def compute_prompt(self, units: Sequence[Unit]) -> None:
        """Compute the units that `reuse` has not left.

        Raises:
            ComputationCancelled: the units finished so far stay in the cache.
        """
        for unit in units[len(self._units) :]:
            self.compute(unit)
            self._units.append(unit)
            if len(self._units) == 1:
                self._save_head(unit)

    def compute(self, tokens: Sequence[int]) -> None:
        """Append tokens to the cache.

        Raises:
            ComputationCancelled: some of them may be in the cache; `reuse` drops them.
        """
        for start in range(0, len(tokens), _BATCH_TOKENS):
            part = tokens[start : start + _BATCH_TOKENS]
            array = (llama_cpp.llama_token * len(part))(*part)
            batch = llama_cpp.llama_batch_get_one(array, len(part))
            status = llama_cpp.llama_decode(self._handle, batch)
            if status == _ABORTED or self._is_cancelled():
                raise ComputationCancelled
            if status != 0:
                raise RuntimeError(f"llama_decode returned {status} for {len(part)} tokens")

    def logits(self) -> FloatVector:
        """Return the scores of all tokens to come next, float32 [vocabulary].

        A view: the next computation overwrites it.
        """
        pointer = llama_cpp.llama_get_logits_ith(self._handle, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._n_vocabulary,))

    def _save_head(self, head: Unit) -> None:
        size = llama_cpp.llama_state_seq_get_size(self._handle, 0)
        state = (ctypes.c_uint8 * size)()
        if llama_cpp.llama_state_seq_get_data(self._handle, state, size, 0) == size:
            self._heads[head] = state
        if len(self._heads) > _HEADS_KEPT:
            self._heads.popitem(last=False)

    def _restore_head(self, head: Unit) -> bool:
        state = self._heads.get(head)
        if state is None:
            return False
        self._heads.move_to_end(head)
        n_read = llama_cpp.llama_state_seq_set_data(self._handle, state, len(state), 0)
        return bool(n_read)
