"""The one file that a confined process may read: a copy in memory, reached by a descriptor."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.parsing.registry import check_file, refused
from ingest.settings import IngestSettings

_PIECE_BYTES = 1 << 24


class InputCopy:
    """A file without a name, which a child inherits and opens as `path_of` says.

    A copy, so that no folder with documents has to be readable to whoever parses one of them, and
    in memory, so that nothing of it is left behind, however this process ends. It costs as much
    memory as the file is long, at most `ingest.max_file_bytes`.

    Source:
        memfd_create(2).
    """

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("input", os.MFD_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fill(self, path: Path, settings: IngestSettings) -> None:
        """Take the bytes of another file.

        Raises:
            RejectedFileError: it is no regular file, too large, or cannot be read.
        """
        try:
            # Opening a pipe would wait for somebody to write into it.
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                check_file(os.fstat(source), settings)
                self.clear()
                os.lseek(self.descriptor, 0, os.SEEK_SET)
                left = settings.max_file_bytes  # should it grow meanwhile
                while left:
                    n_bytes = os.sendfile(self.descriptor, source, None, min(left, _PIECE_BYTES))
                    left = left - n_bytes if n_bytes else 0
            finally:
                os.close(source)
        except OSError as exc:
            raise refused(exc) from exc

    def clear(self) -> None:
        """Give the memory back."""
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Forget the file; a child that has it open keeps it until it ends."""
        os.close(self.descriptor)


def path_of(descriptor: int) -> Path:
    """Return where a process finds a file that it inherited."""
    return Path(f"/proc/self/fd/{descriptor}")
