"""Where computed blocks are kept between questions: the latest in memory, all in files.

Whoever deletes a document deletes its group of blocks; a copy in memory counts only as long as its
file is there.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.hashed_files import HASH_BYTES, keep_within, read_hashed, write_hashed

State = bytearray
"""What llama.cpp says of the keys and values of a block."""

SUFFIX = ".kv"


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """What a state belongs to: it is of no use to anything else."""

    name: str
    """`group/name`, as in `models.types.Block`."""
    key: str
    """Hash of all that makes the state valid: model, build, head, tokens."""

    @property
    def path(self) -> Path:
        """Relative to the store's folder."""
        group, name = self.name.split("/")
        return Path(group) / f"{name}-{self.key}{SUFFIX}"


class BlockStore:
    """The blocks of one model under one folder; belongs to one thread, `holds` to any.

    The folder may hold the blocks of other models and of earlier builds: they count against the
    budget and go first, because nobody uses them.
    """

    def __init__(self, folder: Path | None, *, disk_bytes: int, memory_bytes: int) -> None:
        """Open the store; nothing is read or made yet.

        Args:
            folder: Made when the first block is kept; None: blocks are kept in memory only.
            disk_bytes: Most bytes of files; those used longest ago are deleted beyond it.
            memory_bytes: Most bytes of copies in memory.
        """
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._memory: OrderedDict[BlockPlace, State] = OrderedDict()

    def trim(self) -> None:
        """Delete what is over the budget, which may have been larger before."""
        if self._folder is not None:
            keep_within(self._folder, SUFFIX, self._disk_bytes)

    def holds(self, place: BlockPlace) -> bool:
        """Tell whether a block is kept."""
        path = self._path(place)
        return place in self._memory if path is None else path.exists()

    def load(self, place: BlockPlace) -> State | None:
        """Return a block's state; None if it is not kept, or damaged and so deleted."""
        path = self._path(place)
        if path is None:
            return self._memory.get(place)
        state = self._memory.pop(place, None)
        if state is None or not path.exists():
            state = read_hashed(path)
        if state is not None:
            self._remember(place, state)
            with suppress(OSError):  # deleted meanwhile: this question may still use it
                os.utime(path)
        return state

    def save(self, place: BlockPlace, state: State) -> None:
        """Keep a block; it takes the place of those used longest ago.

        Raises:
            OSError: it cannot be written; nothing of it is left.
        """
        path = self._path(place)
        size = HASH_BYTES + len(state)
        if path is None or size > self._disk_bytes:
            self._remember(place, state)
            return
        assert self._folder is not None
        keep_within(self._folder, SUFFIX, self._disk_bytes - size)
        write_hashed(path, state)
        self._remember(place, state)

    def forget_deleted(self) -> None:
        """Drop the copies in memory of blocks whose files are gone."""
        for place in [one for one in self._memory if not self.holds(one)]:
            del self._memory[place]

    def _path(self, place: BlockPlace) -> Path | None:
        return None if self._folder is None else self._folder / place.path

    def _remember(self, place: BlockPlace, state: State) -> None:
        self._memory[place] = state
        while sum(map(len, self._memory.values())) > self._memory_bytes and len(self._memory) > 1:
            self._memory.popitem(last=False)
