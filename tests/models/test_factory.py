from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models import factory
from models.errors import ModelFileError, UnknownModelError
from models.factory import build_embedder, build_generator, embedder_precision
from models.fakes import FakeEmbedder, FakeGenerator
from models.settings import ModelsSettings


def test_build_without_files_says_what_to_run(folder: Path) -> None:
    settings = ModelsSettings(dir=folder)
    with pytest.raises(ModelFileError, match="plinth models pull qwen2"):
        build_generator(settings)
    with pytest.raises(ModelFileError, match="plinth models pull all-minilm"):
        build_embedder(settings)


def test_build_with_a_name_of_the_other_task_is_refused(folder: Path) -> None:
    swapped = ModelsSettings(
        dir=folder, generator="all-minilm-l6-v2", embedder="smollm2-135m-instruct"
    )
    with pytest.raises(UnknownModelError, match="made to embed, not to generate"):
        build_generator(swapped)
    with pytest.raises(UnknownModelError, match="made to generate, not to embed"):
        build_embedder(swapped)


def test_build_with_an_unknown_name_is_refused(folder: Path) -> None:
    with pytest.raises(UnknownModelError):
        build_generator(ModelsSettings(dir=folder, generator="none"))


def test_build_gives_the_fakes_where_they_are_asked_for(folder: Path) -> None:
    settings = ModelsSettings(
        dir=folder, generator="fake-generator", embedder="fake-embedder", context_tokens=600
    )
    generator = build_generator(settings)
    assert isinstance(generator, FakeGenerator)
    assert generator.info.context_tokens == 600
    assert isinstance(build_embedder(settings), FakeEmbedder)


@pytest.mark.model
def test_build_names_real_models_without_starting_them(
    models_dir: Path, weights: Callable[[str], Path]
) -> None:
    weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")
    settings = ModelsSettings(
        dir=models_dir, generator="smollm2-135m-instruct", context_tokens=131_072
    )
    with build_generator(settings) as generator:
        info = generator.info
    assert info.name == "smollm2-135m-instruct"
    assert info.sha256.startswith("b179c952")
    assert info.context_tokens == 8192  # what the model was made for, not what was asked
    assert build_embedder(settings).info.dim == 384


@pytest.mark.parametrize(
    ("setting", "is_native", "expected"),
    [
        ("auto", True, "bfloat16"),
        ("auto", False, "float32"),
        ("float32", True, "float32"),
        ("bfloat16", False, "bfloat16"),
    ],
)
def test_precision_of_the_embedder_is_chosen_by_processor_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch, setting: str, expected: str, *, is_native: bool
) -> None:
    monkeypatch.setattr(factory, "multiplies_bfloat16", lambda: is_native)
    settings = ModelsSettings.model_validate({"embedder_precision": setting})
    assert embedder_precision(settings) == expected
