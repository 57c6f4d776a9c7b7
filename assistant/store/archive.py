"""Many files in one: a plain tar of which every byte is checked when it is read.

The first member says what the archive is, the last one names every other with its size and hash.
Headers hold nothing but name and size, so that a reader knows what every byte has to be: one that
is another, one too few or one too many is found. Any tar program can list and unpack it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from assistant.errors import BackupDamagedError, StoreError

ABOUT = "plinth-backup.json"
MANIFEST = "manifest.json"
READ_BYTES = 1 << 20
_MAX_ABOUT_BYTES = 10_000
_MAX_NAME_BYTES = 4096
_LONG_NAME = b"L"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in an archive."""

    name: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that is being read from an archive; nothing of it counts before the archive ends."""

    name: str
    n_bytes: int
    blocks: Iterator[bytes]
    """Its content; what is not taken is skipped at the next entry."""


class ArchiveWriter:
    """Writes an archive into an open file.

    Args:
        file: Empty, open for writing; the caller syncs and closes it.
        about: What the archive is, as JSON.
    """

    def __init__(self, file: BinaryIO, about: Mapping[str, Any]) -> None:
        self._file = file
        self._about = dict(about)
        self._members: list[Member] = []
        self._add_text(ABOUT, _json(self._about))

    def add(self, name: str, n_bytes: int, blocks: Iterable[bytes]) -> Member:
        """Add a file.

        Args:
            name: With forward slashes.
            n_bytes: Its size.
            blocks: Its content, of exactly that size.

        Raises:
            StoreError: the content has another size.
            OSError: the disk is full or refuses.
        """
        self._file.write(_header(name, n_bytes))
        digest, n_left = hashlib.sha256(), n_bytes
        for block in blocks:
            digest.update(block)
            self._file.write(block)
            n_left -= len(block)
        if n_left:
            raise StoreError(f"{name!r} was changed while it was read; try again")
        self._file.write(bytes(-n_bytes % tarfile.BLOCKSIZE))
        member = Member(name=name, n_bytes=n_bytes, sha256=digest.hexdigest())
        self._members.append(member)
        return member

    def end(self) -> None:
        """Add the list of all members; without it an archive is a cut one."""
        self._add_text(MANIFEST, _manifest(self._about, self._members))
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _add_text(self, name: str, text: bytes) -> None:
        self.add(name, len(text), [text])


class ArchiveReader:
    """Reads an archive from an open file, from its beginning to its end.

    Args:
        file: Open for reading.
        path: What it is called, for messages.

    Attributes:
        about: What the archive is.
        n_bytes_read: For progress.

    Raises:
        BackupDamagedError: it is no archive.
        StoreError: it cannot be read.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._members: list[Member] = []
        self.n_bytes_read = 0
        try:
            name, n_bytes = self._next_header()
        except BackupDamagedError as error:
            raise self._foreign() from error
        if name != ABOUT or n_bytes > _MAX_ABOUT_BYTES:
            raise self._foreign()
        text = b"".join(self._content(name, n_bytes))
        try:
            self.about: dict[str, Any] = dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise self._foreign() from error

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the order in which they lie there; all are proven once this ends.

        Raises:
            BackupDamagedError: something is missing, changed or too much.
            StoreError: it cannot be read.
        """
        names = {ABOUT}
        while True:
            name, n_bytes = self._next_header()
            if name == MANIFEST:
                break
            if name in names:
                raise self._damaged(f"{name!r} is in it twice")
            names.add(name)
            entry = Entry(name=name, n_bytes=n_bytes, blocks=self._content(name, n_bytes))
            yield entry
            for _ in entry.blocks:  # what was not taken
                pass
        expected = _manifest(self.about, self._members)
        if n_bytes != len(expected) or b"".join(self._content(name, n_bytes)) != expected:
            raise self._damaged("a file in it is not the one that was written")
        rest = self._read(3 * tarfile.BLOCKSIZE, whole=False)
        if rest != bytes(2 * tarfile.BLOCKSIZE):
            raise self._damaged("it does not end where it should")

    def _content(self, name: str, n_bytes: int) -> Iterator[bytes]:
        digest, n_left = hashlib.sha256(), n_bytes
        while n_left:
            block = self._read(min(n_left, READ_BYTES))
            digest.update(block)
            n_left -= len(block)
            yield block
        n_padding = -n_bytes % tarfile.BLOCKSIZE
        if self._read(n_padding) != bytes(n_padding):
            raise self._damaged(f"bytes after {name!r} are not what was written")
        self._members.append(Member(name=name, n_bytes=n_bytes, sha256=digest.hexdigest()))

    def _next_header(self) -> tuple[str, int]:
        read = self._read(tarfile.BLOCKSIZE)
        info = self._parsed(read)
        name = info.name
        if info.type == _LONG_NAME:
            if info.size > _MAX_NAME_BYTES:
                raise self._damaged("a file in it has too long a name")
            long_name = self._read(info.size + -info.size % tarfile.BLOCKSIZE)
            name = long_name.rstrip(b"\0").decode("utf-8", "surrogateescape")
            last = self._read(tarfile.BLOCKSIZE)
            info = self._parsed(last)
            read += long_name + last
        if info.size < 0 or _header(name, info.size) != read:
            raise self._damaged("a header in it is not what was written")
        return name, info.size

    def _parsed(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._damaged("a header in it cannot be read, or it was cut off") from error

    def _read(self, n_bytes: int, *, whole: bool = True) -> bytes:
        try:
            block = self._file.read(n_bytes)
        except OSError as error:
            raise StoreError(f"cannot read {str(self._path)!r}: {error.strerror}") from error
        if whole and len(block) != n_bytes:
            raise self._damaged("it was cut off")
        self.n_bytes_read += len(block)
        return block

    def _damaged(self, what: str) -> BackupDamagedError:
        return BackupDamagedError(
            f"the backup {str(self._path)!r} is damaged: {what}; use another copy or an earlier one"
        )

    def _foreign(self) -> BackupDamagedError:
        return BackupDamagedError(
            f"{str(self._path)!r} is no backup, or its beginning is damaged; give a file that "
            "`plinth backup` made"
        )


def _header(name: str, n_bytes: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = n_bytes
    info.mode = 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _manifest(about: Mapping[str, Any], members: Iterable[Member]) -> bytes:
    listed = [{"name": one.name, "bytes": one.n_bytes, "sha256": one.sha256} for one in members]
    return _json({**about, "members": listed})


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
