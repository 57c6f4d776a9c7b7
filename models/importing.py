"""Take in weight files that somebody brought: for machines that no source reaches."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models.catalog import (
    IMPORTED,
    ModelEntry,
    ModelFile,
    Name,
    PromptFormat,
    Task,
    imported_models,
    shipped_models,
)
from models.errors import ModelError, ModelFileError
from models.files import no_progress, require_gguf, sha256_of, write_atomically
from models.staging import (
    PARTIAL,
    hold_lock,
    install_staged,
    open_staging,
    ready_path,
    require_space,
)

_RESERVED = "fake-"


def import_file(
    name: str, path: Path, models_dir: Path, prompt_format: PromptFormat | None = None
) -> ModelEntry:
    """Copy a model into the models folder and return its entry; repeating it is fine.

    Args:
        name: A catalogue name, whose files must then be what the catalogue says, or a new one for
            a GGUF file, which is registered in `imported.toml`; importing again replaces it.
        path: The file; for a model of several files the folder that holds them.
        models_dir: The models folder.
        prompt_format: Of a new name only; `chatml` by default.

    Raises:
        ModelFileError: the file is missing, no GGUF file or not what the catalogue says; nothing
            changed.
        ModelDownloadError: the disk is too full.
        ModelError: the name cannot be used, or a format was given for a catalogue name.
    """
    if not path.exists():
        raise ModelFileError(f"{str(path)!r} does not exist; give the file to import")
    shipped = {model.name: model for model in shipped_models()}.get(name)
    if shipped is None:
        return _import_new(name, path, models_dir, prompt_format or PromptFormat.CHATML)
    if prompt_format is not None:
        raise ModelError(
            f"the catalogue knows the prompt format of {name!r}; leave it out or choose a new name"
        )
    _install(shipped, _sources(shipped, path), models_dir, is_new=False)
    return shipped


def _sources(model: ModelEntry, path: Path) -> dict[str, Path]:
    """Return where each file of a catalogue model lies, by its path in the catalogue."""
    if path.is_dir():
        sources = {file.path: path / file.path for file in model.files}
    elif len(model.files) == 1:
        sources = {model.files[0].path: path}
    else:
        raise ModelFileError(
            f"{model.name!r} consists of {len(model.files)} files; give the folder that holds them"
        )
    absent = [file for file, source in sources.items() if not source.is_file()]
    if absent:
        raise ModelFileError(
            f"{str(path)!r} does not hold {', '.join(absent)}; add what is missing"
        )
    return sources


def _import_new(name: str, path: Path, models_dir: Path, prompt_format: PromptFormat) -> ModelEntry:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise ModelError(
            f"{name!r} cannot name a model; use lower-case letters, digits, '.', '_' and '-'"
        ) from error
    if name.startswith(_RESERVED):
        raise ModelError(f"{name!r} is kept for stand-ins in tests; choose another name")
    if not path.is_file():
        raise ModelFileError(f"{str(path)!r} is not a file; a new model is one GGUF file")
    require_gguf(path)
    file = ModelFile(path="model.gguf", bytes=path.stat().st_size, sha256=sha256_of(path))
    model = ModelEntry(
        name=name,
        title="imported from a local file",
        task=Task.GENERATE,
        licence="not known",
        prompt_format=prompt_format,
        files=(file,),
    )
    _install(model, {file.path: path}, models_dir, is_new=True)
    return model


def _install(
    model: ModelEntry, sources: Mapping[str, Path], models_dir: Path, *, is_new: bool
) -> None:
    with open_staging(model.name, models_dir, no_progress) as folder:
        require_space(model.name, sum(source.stat().st_size for source in sources.values()), folder)
        for file in model.files:
            shutil.copyfile(sources[file.path], ready_path(folder, file))
        install_staged(model, model.files, folder, models_dir)
        if is_new:
            _register(model, models_dir)


def _register(model: ModelEntry, models_dir: Path) -> None:
    with hold_lock(models_dir / PARTIAL / f".{IMPORTED}.lock", no_progress):
        others = [entry for entry in imported_models(models_dir) if entry.name != model.name]
        entries = sorted([*others, model], key=lambda entry: entry.name)
        write_atomically(models_dir / IMPORTED, "\n".join(map(_to_toml, entries)))


def _to_toml(model: ModelEntry) -> str:
    """Write an entry as imported ones are: one file, no sources."""
    (file,) = model.files
    return "\n".join(
        [
            "[[model]]",
            *(
                f"{key} = {json.dumps(getattr(model, key))}"
                for key in ("name", "title", "task", "licence", "prompt_format")
            ),
            "[[model.files]]",
            f"path = {json.dumps(file.path)}",
            f"bytes = {file.bytes}",
            f"sha256 = {json.dumps(file.sha256)}",
            "",
        ]
    )
