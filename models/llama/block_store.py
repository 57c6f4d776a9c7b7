"""Where computed blocks are kept between questions: the latest in memory, all in files.

A file is written beside its place, then renamed, and carries a hash of what it holds: one that
does not fit is deleted and computed again. Whoever deletes a document deletes its group of blocks;
a copy in memory counts only as long as its file is there.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

State = bytearray
"""What llama.cpp says of the keys and values of a block."""

SUFFIX = ".kv"
_HASH_BYTES = 32


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
            self._make_room(0)

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
            state = self._read(path)
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
        size = _HASH_BYTES + len(state)
        if path is None or size > self._disk_bytes:
            self._remember(place, state)
            return
        self._make_room(size)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(state).digest())
                file.write(state)
            Path(temporary).rename(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
        self._remember(place, state)

    def _path(self, place: BlockPlace) -> Path | None:
        return None if self._folder is None else self._folder / place.path

    def _read(self, path: Path) -> State | None:
        try:
            with path.open("rb") as file:
                wanted = file.read(_HASH_BYTES)
                state = bytearray(file.read())
        except OSError:
            return None
        if hashlib.sha256(state).digest() != wanted:
            path.unlink(missing_ok=True)
            return None
        return state

    def _remember(self, place: BlockPlace, state: State) -> None:
        self._memory[place] = state
        while sum(map(len, self._memory.values())) > self._memory_bytes and len(self._memory) > 1:
            self._memory.popitem(last=False)

    def _make_room(self, size: int) -> None:
        """Delete the files used longest ago until `size` bytes more are within the budget."""
        files: list[tuple[int, int, Path]] = []
        assert self._folder is not None
        for path in self._folder.glob(f"*/*{SUFFIX}"):
            with suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime_ns, status.st_size, path))
        left = self._disk_bytes - size - sum(n_bytes for _, n_bytes, _ in files)
        for _, n_bytes, path in sorted(files):
            if left >= 0:
                return
            path.unlink(missing_ok=True)
            left += n_bytes
