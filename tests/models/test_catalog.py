from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.catalog import (
    SHIPPED,
    HubSource,
    ModelFile,
    PackageSource,
    PromptFormat,
    Task,
    find_model,
    imported_models,
    load_catalog,
    shipped_models,
)
from models.errors import ModelFileError, UnknownModelError
from models.llama.prompt_formats import PROMPT_FORMATS
from models.settings import ModelsSettings

VALID = """
[[model]]
name = "tiny"
title = "Tiny"
task = "generate"
licence = "MIT"
prompt_format = "chatml"
[[model.files]]
path = "weight.gguf"
bytes = 12
"""


def test_shipped_catalog_is_valid_and_holds_the_defaults() -> None:
    names = [model.name for model in load_catalog(SHIPPED)]
    settings = ModelsSettings()
    assert settings.generator in names
    assert settings.embedder in names


@pytest.mark.parametrize("model", shipped_models(), ids=lambda model: model.name)
def test_shipped_model_has_a_source_for_every_file(model) -> None:
    for file in model.files:
        assert file.package_index or file.hub
        # What comes from a package index comes from strangers: only verified bytes count.
        assert file.sha256 or not file.package_index


def test_every_prompt_format_can_be_rendered() -> None:
    assert set(PromptFormat) == set(PROMPT_FORMATS)


def test_package_source_numbers_its_parts_in_order() -> None:
    source = PackageSource(package="a-part{n}", version="2", member="a{n}/part{n:02}.bin", parts=11)
    parts = source.in_order()
    assert [part.requirement for part in parts][:2] == ["a-part1==2", "a-part2==2"]
    assert parts[10].member == "a11/part11.bin"
    assert parts[0].member == "a1/part01.bin"


def test_find_model_with_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"'gpt-9'.*smollm2-135m-instruct"):
        find_model("gpt-9", tmp_path)


def test_find_model_finds_imported_models(tmp_path: Path) -> None:
    (tmp_path / "imported.toml").write_text(VALID, encoding="utf-8")
    assert find_model("tiny", tmp_path).task is Task.GENERATE
    assert imported_models(tmp_path / "none") == ()


def test_weights_are_the_largest_file(tmp_path: Path) -> None:
    model = find_model("all-minilm-l6-v2", tmp_path)
    assert model.weights.path == "model.safetensors"
    assert model.bytes > model.weights.bytes


def test_load_catalog_lists_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(VALID.replace('"tiny"', '"Tiny!"').replace("12", "-1"), encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"name.*bytes"):
        load_catalog(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (VALID + VALID, "more than once"),
        (VALID.replace('prompt_format = "chatml"', ""), "prompt_format"),
        (VALID.replace('"generate"', '"embed"'), "prompt_format"),
        (VALID + '[[model.files]]\npath = "weight.gguf"\nbytes = 1', "path twice"),
        (VALID + "surprise = 1", "surprise"),
        ("[[model", "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
)
def test_load_catalog_refuses(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ModelFileError, match=problem):
        load_catalog(path)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", "a\\b"])
def test_file_outside_the_models_folder_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        ModelFile(path=path, bytes=1, hub=HubSource(repo="a/b", file="c"))
