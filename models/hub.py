"""Weight files of the Hugging Face hub, for whoever can reach it.

The hub's own library fetches them, in a process of its own: its errors, retries and progress bars
differ between versions, a process's end does not.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from models.catalog import HubSource, ModelFile
from models.errors import ModelDownloadError
from models.files import Progress
from models.staging import ready_path, staged_bytes

_PROGRAM = """
import sys
from huggingface_hub import hf_hub_download
repo, file, revision, folder = sys.argv[1:]
hf_hub_download(repo, file, revision=revision, local_dir=folder)
"""
_TICK_S = 1.0


def fetch(files: Sequence[ModelFile], folder: Path, on_progress: Progress) -> None:
    """Bring files to their ready paths; a file begun earlier is continued.

    Raises:
        ModelDownloadError: the hub is out of reach, or refuses or lacks a file.
        OSError: the disk is full or the folder cannot be written.
    """
    total_bytes = sum(file.bytes for file in files)
    for file in files:
        source, ready = file.hub, ready_path(folder, file)
        if ready.exists():
            continue
        assert source is not None  # pull takes this source only if every file has it
        message = f"fetching {source.file} of {source.repo}"

        def report(message: str = message) -> None:
            on_progress(
                done_bytes=min(staged_bytes(folder), total_bytes),
                total_bytes=total_bytes,
                message=message,
            )

        report()
        _download(source, folder / "hub", report)
        (folder / "hub" / source.file).replace(ready)


def _download(source: HubSource, folder: Path, on_tick: Callable[[], None]) -> None:
    arguments = (source.repo, source.file, source.revision, str(folder))
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env=os.environ | {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        said = _wait(process, on_tick)
    finally:
        process.kill()
        process.wait()
    if process.returncode == 0:
        return
    if os.strerror(errno.ENOSPC) in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    lines = said.split()  # an error's text may run over lines; its end says most
    raise ModelDownloadError(
        f"{source.file} of {source.repo} cannot be downloaded ({' '.join(lines[-30:])})"
    )


def _wait(process: subprocess.Popen[str], on_tick: Callable[[], None]) -> str:
    """Return what the process wrote to stderr, once it has ended."""
    while True:
        try:
            return process.communicate(timeout=_TICK_S)[1]
        except subprocess.TimeoutExpired:
            on_tick()
