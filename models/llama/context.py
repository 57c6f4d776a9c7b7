"""The KV cache of one model and what is in it: no token of a prompt is computed twice in vain.

A prompt comes as units (head, passages, question) that are computed apart, so that a unit's numbers
do not depend on how much of the prompt was there already: equal prompts meet equal caches, whatever
was computed before.

A passage may come as a block: its keys and values were computed once, behind the head alone, and
are attached at the place where the prompt has it. A block right behind the head is exact, but for
the rounding of states that are kept in eight bits; a later one does not see the passages before it.

Several prompts share the cells of one cache, each as a sequence of its own; what two of them begin
with is there once. Attention adds up 16-bit numbers in the order of the cells, and in company a
sequence's cells may lie in another order: its numbers may then differ by rounding. A prompt that
begins alone therefore takes nothing from the cache but what was computed alone, at the place where
it would compute it itself.

Source: Yao et al. 2025, "CacheBlend", and Hu et al. 2025, "EPIC", on attaching passages computed
apart.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

import llama_cpp
import numpy as np

from models.errors import ModelFileError
from models.llama.block_packing import packed, unpacked
from models.llama.block_state import StateLayoutError, first_keys, placed, positions_of
from models.llama.block_store import State
from models.llama.model import LlamaModel
from models.llama.units import BlockUnit, Part, Tokens, Unit
from models.types import BlockBits, FloatVector

BATCH_TOKENS = 512
"""Most tokens of a batch."""


@dataclass(slots=True)
class _Held:
    """What a sequence holds of its prompt."""

    units: list[Unit] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Position behind each unit."""
    n_alone: int = 0
    """Leading units that were computed while no other prompt was under way."""
    is_alone: bool = False
    is_forgotten: bool = False
    """Whether nothing of it but the head may be left for later prompts."""

    @property
    def end(self) -> int:
        return self.ends[-1] if self.ends else 0

    def begins(self, units: Sequence[Unit], *, alone: bool) -> int:
        """Count the units that begin the prompt `units`, of which the last is always computed."""
        held = self.units[: self.n_alone] if alone else self.units
        n_common = 0
        for one, wanted in zip(held, units[:-1], strict=False):
            if one != wanted:
                break
            n_common += 1
        return n_common


_REMEMBERED_BYTES = 128 * 2**20
"""Of beginnings of prompts: some heads and conversations. The newest is kept at any size."""
_ABORTED = 2
_TRIED_TOKENS, _TRIED_POSITION = 16, 777
_ROUNDING = 2**-7
"""Of the largest key: what 16-bit numbers and another order of sums may change."""


class ComputationCancelled(Exception):
    """The computation was abandoned because `is_cancelled` said so."""


class LlamaContext:
    """Belongs to one thread.

    A prompt's life: `begin` gives it a sequence; its units are computed or attached, and each is
    `add`ed when it is complete; `end` frees the sequence and keeps the prompt for the next one.
    Each has a scratch sequence besides, for a block on its way into the prompt.
    """

    def __init__(
        self,
        model: LlamaModel,
        *,
        context_tokens: int,
        threads: int,
        is_cancelled: Callable[[], bool],
        parallel: int = 1,
        block_bits: BlockBits = 16,
    ) -> None:
        """Reserve the cache.

        Args:
            model: Stays open for longer than this context.
            context_tokens: Most tokens in the cache, of all sequences together.
            threads: At least 1.
            is_cancelled: Asked many times a second during a computation; True abandons it.
            parallel: Most prompts under way at a time.
            block_bits: Of each number of the states that `take_block` returns and `attach` takes.

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
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_seq_max = 2 * parallel
        # Else a part of a sequence cannot be copied to another.
        params.kv_unified = True
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
        self._rotation = model.rotation()
        self._block_bits = block_bits
        self._batch = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)
        self._logit_rows: list[int] = []
        self._n_vocabulary = model.n_tokens
        self._held = [_Held() for _ in range(parallel)]
        self._under_way: set[int] = set()
        self._remembered: OrderedDict[tuple[Unit, ...], State] = OrderedDict()

    def close(self) -> None:
        """Free the cache."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._handle)

    def begin(self, units: Sequence[Unit]) -> int:
        """Return a sequence that holds as many first units of a prompt as are in the cache.

        The first unit is the head; the last is never held: it must be computed for its logits.
        Prompts that have ended are dropped, but for what this one reuses.
        """
        alone = not self._under_way
        lengths = [held.begins(units, alone=alone) for held in self._held]
        donor = max(range(len(lengths)), key=lengths.__getitem__)
        remembered = self._remembered_beginning(units)
        n_units = lengths[donor] if lengths[donor] >= len(remembered) else 0
        sequence = donor
        if donor in self._under_way:
            sequence = next(s for s in range(len(self._held)) if s not in self._under_way)
        for other in range(len(self._held)):
            if other not in self._under_way and (other != donor or not n_units):
                self._truncate(other, 0)
        if n_units and sequence != donor:
            self._share(donor, sequence, n_units)
        elif n_units:
            n_units = self._truncate(sequence, n_units)
        if not n_units:
            self._restore(sequence, remembered)
        for running in self._under_way:
            self._held[running].is_alone = False
        held = self._held[sequence]
        held.is_alone = alone
        held.is_forgotten = False
        held.n_alone = len(held.units) if alone else 0
        self._under_way.add(sequence)
        return sequence

    def end(self, sequence: int) -> None:
        """Free a sequence; its complete units stay until the next prompt begins or all forget."""
        self._under_way.discard(sequence)
        self._empty(self._scratch(sequence))
        held = self._held[sequence]
        self._truncate(sequence, min(1, len(held.units)) if held.is_forgotten else len(held.units))

    def units_held(self, sequence: int) -> int:
        """Count the complete units of a sequence."""
        return len(self._held[sequence].units)

    def add(self, sequence: int, unit: Unit) -> None:
        """Note that a unit is complete."""
        held = self._held[sequence]
        held.units.append(unit)
        held.ends.append(self._position(sequence))
        if not held.is_alone:
            return
        held.n_alone += 1
        if held.n_alone == 1:
            self.remember(sequence)

    def remember(self, sequence: int) -> None:
        """Keep the complete units of a sequence for later prompts, which may begin with them.

        Not those that were computed in company, nor those of which one is a block: it is kept
        elsewhere. Of a conversation that goes on the latest state is kept alone.
        """
        held = self._held[sequence]
        units = tuple(held.units)
        is_kept = units in self._remembered or any(isinstance(unit, BlockUnit) for unit in units)
        if is_kept or held.n_alone < len(units) or (held.is_forgotten and len(units) > 1):
            return
        for n_units in range(2, len(units)):
            self._remembered.pop(units[:n_units], None)
        self._remembered[units] = self._state(sequence)
        while len(self._remembered) > 1 and self._remembered_bytes() > _REMEMBERED_BYTES:
            self._remembered.popitem(last=False)

    def forget(self) -> None:
        """Drop all of every prompt but its head, which says nothing of anybody.

        Those that are under way are dropped when they end.
        """
        for units in [units for units in self._remembered if len(units) > 1]:
            del self._remembered[units]
        for sequence in range(len(self._held)):
            if sequence in self._under_way:
                self._held[sequence].is_forgotten = True
            else:
                self._truncate(sequence, min(1, self.units_held(sequence)))

    def attach(self, sequence: int, block: BlockUnit, state: State) -> None:
        """Put a block behind what is in a sequence."""
        assert self._rotation is not None  # else no block was ever kept
        moves = unpacked if self._block_bits == 8 else placed
        moved = moves(state, self._position(sequence), self._rotation)
        scratch = self._scratch(sequence)
        if len(positions_of(moved)) != len(block) or not self._set_state(scratch, moved):
            raise RuntimeError(f"the saved state of the passage {block.name} does not fit")
        llama_cpp.llama_memory_seq_cp(self._memory, scratch, sequence, -1, -1)
        self._empty(scratch)

    @cached_property
    def moves_blocks(self) -> bool:
        """Whether a block can be attached elsewhere than where it was computed.

        Found out by trying: some tokens are computed at two places, and the keys of the first
        layer, which depend on token and place alone, are compared with those that were moved. To
        be asked while nothing is under way.
        """
        if self._rotation is None:
            return False
        tokens = tuple(range(_TRIED_TOKENS))
        here, there = (self._computed_at(position, tokens) for position in (0, _TRIED_POSITION))
        try:
            moved = placed(here, _TRIED_POSITION, self._rotation)
            found, wanted = first_keys(moved), first_keys(there)
        except StateLayoutError:
            return False
        return bool(np.abs(found - wanted).max() <= _ROUNDING * np.abs(wanted).max())

    def _computed_at(self, position: int, tokens: Tokens) -> State:
        scratch = self._scratch(0)
        try:
            self._decode([Part(scratch, tokens, wants_logits=False)], [position])
            return self._state(scratch)
        finally:
            self._empty(scratch)

    def prepare_block(self, sequence: int) -> int:
        """Return a prompt's scratch sequence, which holds its head alone: a block's place."""
        scratch = self._scratch(sequence)
        self._empty(scratch)
        head_end = self._held[sequence].ends[0]
        llama_cpp.llama_memory_seq_cp(self._memory, sequence, scratch, 0, head_end)
        return scratch

    def take_block(self, sequence: int) -> State:
        """Return the state of what was computed in the scratch sequence, which is empty then."""
        scratch, head_end = self._scratch(sequence), self._held[sequence].ends[0]
        llama_cpp.llama_memory_seq_rm(self._memory, scratch, 0, head_end)
        state = self._state(scratch)
        self._empty(scratch)
        if self._block_bits == 8:
            assert self._rotation is not None  # else no block is ever asked for
            state = packed(state, self._rotation)
        return state

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        llama_cpp.llama_set_n_threads(self._handle, threads, threads)

    def compute(self, parts: Sequence[Part]) -> None:
        """Append tokens to sequences, all in one batch.

        Args:
            parts: Each of another sequence, `BATCH_TOKENS` together at most.

        Raises:
            ComputationCancelled: some of them may be in the cache; `end` drops them.
        """
        self._decode(parts, [self._position(part.sequence) for part in parts])

    def _decode(self, parts: Sequence[Part], positions: Sequence[int]) -> None:
        batch, row = self._batch, 0
        self._logit_rows = []
        for part, position in zip(parts, positions, strict=True):
            for index, token in enumerate(part.tokens, start=row):
                batch.token[index] = token
                batch.pos[index] = position + index - row
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = part.sequence
                batch.logits[index] = 0
            row += len(part.tokens)
            batch.logits[row - 1] = part.wants_logits
            self._logit_rows.append(row - 1)
        batch.n_tokens = row
        status = llama_cpp.llama_decode(self._handle, batch)
        if status == _ABORTED or self._is_cancelled():
            raise ComputationCancelled
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status} for {row} tokens")

    def logits(self, part_index: int) -> FloatVector:
        """Return the scores of all tokens to follow a part of the last batch, [vocabulary].

        float32, a view: the next computation overwrites it.
        """
        pointer = llama_cpp.llama_get_logits_ith(self._handle, self._logit_rows[part_index])
        return np.ctypeslib.as_array(pointer, shape=(self._n_vocabulary,))

    def _scratch(self, sequence: int) -> int:
        return len(self._held) + sequence

    def _empty(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _position(self, sequence: int) -> int:
        """Return the position behind all that is in a sequence."""
        return int(llama_cpp.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def _truncate(self, sequence: int, n_units: int) -> int:
        """Drop all but the first units; return how many are left, possibly none."""
        held = self._held[sequence]
        end = held.ends[n_units - 1] if n_units else 0
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, end, -1):
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            n_units = 0
        del held.units[n_units:], held.ends[n_units:]
        held.n_alone = min(held.n_alone, n_units)
        return n_units

    def _share(self, donor: int, sequence: int, n_units: int) -> None:
        """Have a sequence hold the first units of another one, in the same cells."""
        held, source = self._held[sequence], self._held[donor]
        held.units, held.ends = source.units[:n_units], source.ends[:n_units]
        llama_cpp.llama_memory_seq_cp(self._memory, donor, sequence, 0, held.end)

    def _remembered_beginning(self, units: Sequence[Unit]) -> tuple[Unit, ...]:
        """Return the most first units of a prompt, less its last, that are remembered."""
        beginnings = [tuple(units[:n_units]) for n_units in range(1, len(units))]
        found = [one for one in beginnings if one in self._remembered]
        for one in found:
            self._remembered.move_to_end(one)
        return found[-1] if found else ()

    def _remembered_bytes(self) -> int:
        return sum(map(len, self._remembered.values()))

    def _restore(self, sequence: int, remembered: tuple[Unit, ...]) -> None:
        """Put what is remembered, if anything, in an empty sequence."""
        if not self._under_way:
            llama_cpp.llama_memory_clear(self._memory, False)
        if remembered and self._set_state(sequence, self._remembered[remembered]):
            held = self._held[sequence]
            held.units, held.ends = list(remembered), list(accumulate(map(len, remembered)))

    def _set_state(self, sequence: int, state: State) -> bool:
        """Fill a sequence with a state; what was in it is dropped."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        return bool(llama_cpp.llama_state_seq_set_data(self._handle, buffer, len(state), sequence))

    def _state(self, sequence: int) -> State:
        size = llama_cpp.llama_state_seq_get_size(self._handle, sequence)
        state = bytearray(size)
        buffer = (ctypes.c_uint8 * size).from_buffer(state)
        n_bytes = llama_cpp.llama_state_seq_get_data(self._handle, buffer, size, sequence)
        if n_bytes != size:
            raise RuntimeError(f"llama.cpp wrote {n_bytes} of {size} bytes of a state")
        return state
