"""Weight files on disk: `<models folder>/<model>/<file>`, checked before they are used.

Hashing a gigabyte at each start would cost seconds, so every successful check leaves a stamp (size,
modification time, SHA-256) in the model's folder; while size and time match it, the file counts as
checked. `verify_files` ignores the stamps and hashes again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from models.catalog import ModelEntry, ModelFile
from models.errors import ModelFileError

STAMPS = ".checked.json"
GGUF_MAGIC = b"GGUF"

_Stamps = dict[str, dict[str, int | str]]


class Progress(Protocol):
    """Told now and then how far a download is; always from the thread that started it."""

    def __call__(self, *, done_bytes: int, total_bytes: int, message: str) -> None:
        """Take note; `total_bytes` may be approximate, `message` is for people."""


def no_progress(*, done_bytes: int, total_bytes: int, message: str) -> None:
    """Ignore progress."""


class FileState(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """One file of a model as found on disk."""

    file: ModelFile
    state: FileState
    sha256: str | None
    """Of the file on disk; None where it is missing or its size is already wrong."""


def check_files(model: ModelEntry, models_dir: Path) -> tuple[FileCheck, ...]:
    """Check the files of a model quickly: those with a fitting stamp are not read."""
    return _check(model, models_dir, trust_stamps=True)


def verify_files(model: ModelEntry, models_dir: Path) -> tuple[FileCheck, ...]:
    """Check the files of a model by reading every byte."""
    return _check(model, models_dir, trust_stamps=False)


def require_weights(model: ModelEntry, models_dir: Path) -> tuple[Path, str]:
    """Return path and SHA-256 of a model's weight file, all of its files being in order.

    Raises:
        ModelFileError: a file is missing or damaged; the message says how to get it.
    """
    checks = check_files(model, models_dir)
    for check in checks:
        if check.state is not FileState.OK:
            get = "pull" if model.has_source else "import"
            file = "" if model.has_source else " FILE"
            raise ModelFileError(
                f"{models_dir / model.name / check.file.path} is {check.state}; "
                f"run `plinth models {get} {model.name}{file}`"
            )
    sha256 = next(check.sha256 for check in checks if check.file == model.weights)
    return models_dir / model.name / model.weights.path, str(sha256)


def install(model: ModelEntry, file: ModelFile, staged: Path, models_dir: Path) -> None:
    """Move a staged file of the same disk to its place, or refuse and leave it where it is.

    Atomic: at any moment the place holds the earlier file or the whole new one.

    Raises:
        ModelFileError: it is not what the catalogue says, or no GGUF file though named so.
    """
    sha256 = sha256_of(staged)
    if file.sha256 is not None and sha256 != file.sha256:
        raise ModelFileError(
            f"{file.path!r} has SHA-256 {sha256}, the catalogue says {file.sha256}; "
            "the copy is damaged or another file, get it again"
        )
    if file.path.endswith(".gguf"):
        require_gguf(staged)
    target = models_dir / model.name / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    sync(staged)
    staged.replace(target)
    sync(target.parent)
    stamps = _read_stamps(target_folder := models_dir / model.name)
    _write_stamps(target_folder, stamps | {file.path: _stamp(target, sha256)})


def require_gguf(path: Path) -> None:
    """Raise `ModelFileError` unless the file begins as a GGUF file does."""
    with path.open("rb") as stream:
        magic = stream.read(len(GGUF_MAGIC))
    if magic != GGUF_MAGIC:
        raise ModelFileError(
            f"{path.name!r} is not a GGUF file (it begins with {magic!r}); "
            "give a model converted for llama.cpp"
        )


def sha256_of(path: Path) -> str:
    """Return the lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have the disk keep a file's bytes, or a folder's names, through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, text: str) -> None:
    """Replace a small file so that a reader sees the earlier text or the new one."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    beside.write_text(text, encoding="utf-8")
    sync(beside)
    beside.replace(path)
    sync(path.parent)


def _check(model: ModelEntry, models_dir: Path, *, trust_stamps: bool) -> tuple[FileCheck, ...]:
    folder = models_dir / model.name
    known = _read_stamps(folder)
    stamps = dict(known)
    checks = []
    for file in model.files:
        check = _check_file(folder, file, known, trust_stamps=trust_stamps)
        if check.state is FileState.OK and check.sha256 is not None:
            stamps[file.path] = _stamp(folder / file.path, check.sha256)
        checks.append(check)
    if stamps != known:
        # A models folder that is read-only for this user is fine: it only costs the hashing.
        with contextlib.suppress(OSError):
            _write_stamps(folder, stamps)
    return tuple(checks)


def _check_file(folder: Path, file: ModelFile, stamps: _Stamps, *, trust_stamps: bool) -> FileCheck:
    path = folder / file.path
    if not path.is_file():
        return FileCheck(file=file, state=FileState.MISSING, sha256=None)
    stamp = stamps.get(file.path, {})
    recorded = str(stamp["sha256"]) if "sha256" in stamp else None
    expected = file.sha256 or recorded
    if file.sha256 is not None and path.stat().st_size != file.bytes:
        return FileCheck(file=file, state=FileState.DAMAGED, sha256=None)
    if trust_stamps and recorded is not None and stamp == _stamp(path, recorded):
        sha256 = recorded
    else:
        sha256 = sha256_of(path)
    state = FileState.OK if expected in (None, sha256) else FileState.DAMAGED
    return FileCheck(file=file, state=state, sha256=sha256)


def _stamp(path: Path, sha256: str) -> dict[str, int | str]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}


def _read_stamps(folder: Path) -> _Stamps:
    """Return the stamps by path; none where they are absent or unreadable: then we hash."""
    try:
        stamps = json.loads((folder / STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(stamps, dict):
        return {}
    return {path: stamp for path, stamp in stamps.items() if isinstance(stamp, dict)}


def _write_stamps(folder: Path, stamps: _Stamps) -> None:
    write_atomically(folder / STAMPS, json.dumps(stamps, indent=1, sort_keys=True))
