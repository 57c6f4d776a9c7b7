"""The KV cache of one model and what is in it: no token of a prompt is computed twice in vain.

A prompt comes as units (head, passages, question) that are computed apart, so that a unit's numbers
do not depend on how much of the prompt was there already: equal prompts meet equal caches, whatever
was computed before.

A passage may come as a block: its keys and values were computed once, behind the head alone, and
are attached at the place where the prompt has it, less the pieces that are not shown. Positions
inside it stay as they were computed, so what is left out leaves a gap. A block right behind the
head is exact; a later one does not see the passages before it.

Source: Yao et al. 2025, "CacheBlend", and Hu et al. 2025, "EPIC", on attaching passages computed
apart; showing a part of one is our own.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp
import numpy as np

from models.errors import ModelFileError
from models.llama.block_store import State
from models.llama.model import LlamaModel
from models.types import FloatVector

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockUnit:
    """A passage as the tokens of its pieces, some of which are shown; `models.types.Block`."""

    name: str
    pieces: tuple[Tokens, ...]
    shown: tuple[int, ...]

    @property
    def tokens(self) -> Tokens:
        """All of them, shown or not."""
        return tuple(token for piece in self.pieces for token in piece)

    def __len__(self) -> int:
        """Count the tokens that are shown."""
        return sum(len(self.pieces[index]) for index in self.shown)


Unit = Tokens | BlockUnit
"""Tokens that are computed or attached, kept and dropped together."""
_MAIN, _SCRATCH = 0, 1
"""Sequences: the prompt and its reply; a block on its way there."""
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
        params.n_seq_max = 2
        # Else a part of a sequence cannot be copied to another.
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.no_perf = True
        self._is_cancelled = is_cancelled
        self._threads = threads
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
        self._ends: list[int] = []
        """Position behind each unit."""
        self._heads: OrderedDict[Tokens, State] = OrderedDict()

    def close(self) -> None:
        """Free the cache."""
        llama_cpp.llama_free(self._handle)

    def reuse(self, units: Sequence[Unit]) -> int:
        """Drop from the cache what does not begin the prompt `units`; return the tokens left.

        The first unit is the head, the last is never left: it must be computed for its logits.
        """
        n_kept = 0
        for held, wanted in zip(self._units, units[:-1], strict=False):
            if held != wanted:
                break
            n_kept += 1
        if not n_kept or not llama_cpp.llama_memory_seq_rm(
            self._memory, _MAIN, self._ends[n_kept - 1], -1
        ):
            n_kept = self._clear(head=units[0])
        del self._units[n_kept:], self._ends[n_kept:]
        return sum(map(len, self._units))

    def compute_prompt(self, units: Sequence[Unit], states: Mapping[BlockUnit, State]) -> int:
        """Compute the units that are not in the cache; return how many tokens that took.

        The blocks among them are attached, which takes none.

        Raises:
            ComputationCancelled: the units finished so far stay in the cache.
        """
        n_computed = 0
        for unit in units[len(self._units) :]:
            if isinstance(unit, BlockUnit):
                self._attach(unit, states[unit], self._ends[0])
            else:
                self.compute(unit)
                n_computed += len(unit)
            self._add(unit)
        return n_computed

    def compute_block(self, head: Tokens, block: BlockUnit, *, threads: int = 0) -> State:
        """Compute a block right behind the head and return its state; the cache is empty then.

        Args:
            head: First unit of the prompts that will use it.
            block: All of it is computed, shown or not.
            threads: For this computation; 0: as many as for everything else.

        Raises:
            ComputationCancelled: nothing is left of it.
        """
        self._use_threads(threads or self._threads)
        try:
            if not self._clear(head):
                self.compute(head)
                self._add(head)
            self.compute(block.tokens)
            llama_cpp.llama_memory_seq_rm(self._memory, _MAIN, 0, self._ends[0])
            return self._state()
        finally:
            self._use_threads(self._threads)
            self._clear()

    def _use_threads(self, threads: int) -> None:
        llama_cpp.llama_set_n_threads(self._handle, threads, threads)

    def _attach(self, block: BlockUnit, state: State, start: int) -> None:
        """Put the shown pieces of a block, computed at `start`, behind what is in the cache."""
        memory = self._memory
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        if not llama_cpp.llama_state_seq_set_data(self._handle, buffer, len(state), _SCRATCH):
            raise RuntimeError(f"the saved state of the passage {block.name} does not fit")
        position = start
        for index, piece in enumerate(block.pieces):
            if index not in block.shown:
                llama_cpp.llama_memory_seq_rm(memory, _SCRATCH, position, position + len(piece))
            position += len(piece)
        offset = llama_cpp.llama_memory_seq_pos_max(memory, _MAIN) + 1 - start
        if offset:
            llama_cpp.llama_memory_seq_add(memory, _SCRATCH, -1, -1, offset)
        llama_cpp.llama_memory_seq_cp(memory, _SCRATCH, _MAIN, -1, -1)
        llama_cpp.llama_memory_seq_rm(memory, _SCRATCH, -1, -1)

    def _add(self, unit: Unit) -> None:
        """Note that a unit is complete in the cache."""
        self._units.append(unit)
        self._ends.append(int(llama_cpp.llama_memory_seq_pos_max(self._memory, _MAIN)) + 1)
        if len(self._units) == 1 and not isinstance(unit, BlockUnit):
            self._heads[unit] = self._state()
            if len(self._heads) > _HEADS_KEPT:
                self._heads.popitem(last=False)

    def _clear(self, head: Unit | None = None) -> int:
        """Empty the cache, put a head that was computed before in it; return the units in it."""
        llama_cpp.llama_memory_clear(self._memory, False)
        self._units, self._ends = [], []
        if head is None or isinstance(head, BlockUnit) or head not in self._heads:
            return 0
        state = self._heads[head]
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        if not llama_cpp.llama_state_seq_set_data(self._handle, buffer, len(state), _MAIN):
            return 0
        self._heads.move_to_end(head)
        self._units, self._ends = [head], [len(head)]
        return 1

    def _state(self) -> State:
        size = llama_cpp.llama_state_seq_get_size(self._handle, _MAIN)
        state = bytearray(size)
        buffer = (ctypes.c_uint8 * size).from_buffer(state)
        n_bytes = llama_cpp.llama_state_seq_get_data(self._handle, buffer, size, _MAIN)
        if n_bytes != size:
            raise RuntimeError(f"llama.cpp wrote {n_bytes} of {size} bytes of a state")
        return state

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
