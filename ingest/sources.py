"""Files below the paths given to an ingest, by name, with what keeps one from being read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.types import Version
from ingest.errors import SourceUnavailableError
from ingest.types import Rejection, RejectReason

_LOCK_PREFIX = "~$"  # of the files that office programs put beside an open document
_VERSION_CONTROL = frozenset({"CVS", "_darcs"})  # the others' folders are hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder, or some files of one."""

    root: Path
    """Absolute, symbolic links resolved."""
    names: tuple[str, ...] | None
    """Files of `root` given by themselves; None: everything below it."""
    alias: str | None = None
    """What it is called, where its files only pass through `root`."""

    @property
    def name(self) -> str:
        """The alias, or the root as text, also where its name is not valid UTF-8."""
        return self.alias or document_name(str(self.root))

    @property
    def paths(self) -> tuple[Path, ...]:
        """By which it can be given again."""
        return (self.root,) if self.names is None else tuple(self.root / n for n in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file below a source."""

    document: str
    """Path relative to the source's root, forward slashes, NFC; see `document_name`."""
    path: Path
    size_bytes: int
    modified_ns: int = 0
    """When it was last written, in nanoseconds since 1970."""
    rejection: Rejection | None = None
    """Why it cannot be read; then size and time are 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a walk found."""

    files: tuple[FoundFile, ...]
    """Sorted by document; every name once."""
    unlisted: tuple[str, ...]
    """Folders whose files could not be listed, as they stand among `files`."""
    left_out: frozenset[str] = frozenset()
    """Documents that are there and of no interest now."""

    def may_hold(self, document: str) -> bool:
        """Tell whether a document that is not among the files may still be there."""
        if document in self.left_out:
            return True
        return any(document.startswith(f"{folder}/") or folder == "." for folder in self.unlisted)

    def only(self, is_wanted: Callable[[str], bool]) -> Listing:
        """Return the same, with only those files whose document is wanted."""
        return Listing(
            files=tuple(file for file in self.files if is_wanted(file.document)),
            unlisted=self.unlisted,
            left_out=frozenset(one.document for one in self.files if not is_wanted(one.document)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A source with its files."""

    source: Source
    listing: Listing


def find_files(paths: Sequence[Path], *, leave_out: Path) -> tuple[Found, ...]:
    """Return the sources that `paths` are or lie in, with their files.

    Args:
        paths: Files or folders. A folder is a source of its own; a file's source is its folder.
        leave_out: A folder that is none of the documents: the data dir.

    Raises:
        SourceUnavailableError: a path does not exist.
    """
    leave_out = leave_out.resolve()
    return tuple(
        Found(source=source, listing=list_files(source, leave_out=leave_out))
        for source in find_sources(paths)
    )


def received_files(root: Path, alias: str, files: Iterable[tuple[str, Path]]) -> Found:
    """Return files that were sent by somebody, as a source that all of them share.

    Args:
        root: The folder in which they lie.
        alias: What their source is called, so that a file sent again is a new version.
        files: Name as the sender knows it, and where the bytes lie under whatever name.
    """
    found = [replace(_examined(path, root), document=document_name(name)) for name, path in files]
    names = tuple(file.document for file in found)
    source = Source(root=root, names=names, alias=alias)
    return Found(source=source, listing=Listing(files=_with_names_once(found), unlisted=()))


def find_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """Return the folders that `paths` are or lie in, in the order given, each once.

    Raises:
        SourceUnavailableError: a path does not exist.
    """
    names: dict[Path, tuple[str, ...] | None] = {}
    for path in paths:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
            root = (path if is_folder else path.parent).resolve(strict=True)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "symbolic links lead in a circle"
            message = f"cannot ingest {str(path)!r}: {reason}; give a file or folder that exists"
            raise SourceUnavailableError(message) from error
        known = names.get(root, ())
        names[root] = None if is_folder or known is None else (*known, path.name)
    return tuple(Source(root=root, names=found) for root, found in names.items())


def list_files(source: Source, *, leave_out: Path) -> Listing:
    """Return every file of a source.

    Hidden files and folders, version control's folders and lock files of office programs are no
    documents. Symbolic links to folders are not followed; those to files are, below the root.

    Args:
        source: Where to look.
        leave_out: A folder that is none of the documents: the data dir.
    """
    found: list[FoundFile] = []
    unlisted: list[str] = []
    folders: list[Path] = []
    if source.names is None:
        folders.append(source.root)
    else:
        found.extend(_examined(source.root / name, source.root) for name in source.names)
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_no_document(entry.name) or Path(entry.path) == leave_out:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        found.append(_examined(Path(entry.path), source.root, inside=True))
        except OSError as error:
            rejected = _rejected(
                folder, source.root, f"the folder cannot be listed: {_said(error)}"
            )
            found.append(rejected)
            unlisted.append(rejected.document)
    return Listing(files=_with_names_once(found), unlisted=tuple(unlisted))


_TOPIC_WORD = re.compile(r"(?<![^\W_])[^\W\d_]{3,}(?![^\W_])")
_SAYS_NOTHING = re.compile(
    r"scan(?:ned)?|img|image|doc(?:ument)?s?|file|untitled|index|readme|copy|final|draft|new|old|"
    r"page|part|default|main|output|download|attachment|exhibit",
    re.IGNORECASE,
)


def names_a_topic(name: str) -> bool:
    """Tell whether a file name's stem says what the file is about, unlike a hash or `scan_017`.

    >>> names_a_topic("travel_policy-2025"), names_a_topic("scan_017"), names_a_topic("8dfc21ec")
    (True, False, False)
    """
    found = _TOPIC_WORD.findall(name)
    return any(not _SAYS_NOTHING.fullmatch(word) for word in found)


def document_name(relative: str) -> str:
    r"""Return a path as documents are named by it: forward slashes, NFC, nothing unprintable.

    Bytes that are not UTF-8 and control characters are written out.

    >>> document_name("caf\udce9\n.txt")
    'caf\\xe9\\x0a.txt'
    """
    text = os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")
    text = "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" else c for c in text)
    return unicodedata.normalize("NFC", text)


def hash_file(path: Path) -> Version:
    """Return the SHA-256 of a file, read in blocks.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return Version(hashlib.file_digest(file, "sha256").hexdigest())


def unreadable(error: OSError) -> Rejection:
    """Return the rejection of a file that the operating system does not let us read."""
    detail = f"it cannot be read: {_said(error)}; check its rights and that its disk is there"
    return Rejection(reason=RejectReason.UNREADABLE, detail=detail)


def _is_no_document(name: str) -> bool:
    return name.startswith((".", _LOCK_PREFIX)) or name in _VERSION_CONTROL


def _examined(path: Path, root: Path, *, inside: bool = False) -> FoundFile:
    """Look at a file without opening it; `inside`: a link must stay below the root."""
    try:
        if inside and path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            return _rejected(path, root, "it is a link that leads out of the ingested folder")
        status = path.stat()
    except (OSError, RuntimeError) as error:
        return _rejected(path, root, f"it cannot be opened: {_said(error)}")
    if stat.S_ISDIR(status.st_mode):
        return _rejected(path, root, "it is a link to a folder, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        return _rejected(path, root, "it is no regular file but a pipe, socket or device")
    return FoundFile(
        document=_document(path, root),
        path=path,
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
    )


def _rejected(path: Path, root: Path, what: str) -> FoundFile:
    detail = f"{what}; put the file itself into the folder, readable for this user"
    rejection = Rejection(reason=RejectReason.UNREADABLE, detail=detail)
    return FoundFile(document=_document(path, root), path=path, size_bytes=0, rejection=rejection)


def _document(path: Path, root: Path) -> str:
    return document_name(str(path.relative_to(root)))


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or "symbolic links lead in a circle"


def _with_names_once(found: Iterable[FoundFile]) -> tuple[FoundFile, ...]:
    """Sort; of two files whose names differ in their encoding only, the second is rejected."""
    named: dict[str, FoundFile] = {}
    for file in sorted(found, key=lambda file: os.fsencode(file.path)):
        first = named.setdefault(file.document, file)
        if first.path != file.path:
            document = document_name(
                os.fsencode(file.path.name).decode("ascii", "backslashreplace")
            )
            detail = f"its name reads like {file.document!r}, which is there too; rename one"
            named[f"{file.document} ({document})"] = FoundFile(
                document=f"{file.document} ({document})",
                path=file.path,
                size_bytes=0,
                rejection=Rejection(reason=RejectReason.UNREADABLE, detail=detail),
            )
    return tuple(named[document] for document in sorted(named))
