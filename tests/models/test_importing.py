from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.catalog import PromptFormat, Task, find_model, imported_models
from models.errors import ModelError, ModelFileError
from models.files import FileState, check_files, require_weights
from models.importing import import_file
from tests.models.conftest import CONTENT


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / 'our "own" modèle.gguf'
    path.write_bytes(CONTENT)
    return path


def test_import_of_a_new_name_registers_a_ready_model(gguf: Path, folder: Path) -> None:
    import_file("our-model", gguf, folder, PromptFormat.LLAMA3)
    model = find_model("our-model", folder)
    assert model.task is Task.GENERATE
    assert model.prompt_format is PromptFormat.LLAMA3
    path, _ = require_weights(model, folder)
    assert path.read_bytes() == CONTENT
    assert gguf.exists()


def test_import_again_replaces_the_model_and_keeps_the_others(gguf: Path, folder: Path) -> None:
    import_file("b-model", gguf, folder)
    import_file("a-model", gguf, folder)
    gguf.write_bytes(CONTENT + b"newer")
    import_file("b-model", gguf, folder, PromptFormat.GEMMA)
    assert [model.name for model in imported_models(folder)] == ["a-model", "b-model"]
    path, _ = require_weights(find_model("b-model", folder), folder)
    assert path.read_bytes() == CONTENT + b"newer"
    assert find_model("b-model", folder).prompt_format is PromptFormat.GEMMA


def test_import_of_no_gguf_file_is_refused(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelFileError, match="not a GGUF file"):
        import_file("our-model", path, folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../up", "", "Upper", ".hidden", "a b", "fake-generator"])
def test_import_under_a_bad_name_is_refused(gguf: Path, folder: Path, name: str) -> None:
    with pytest.raises(ModelError):
        import_file(name, gguf, folder)
    assert not folder.exists()


def test_import_of_an_absent_file_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        import_file("our-model", tmp_path / "none.gguf", folder)


def test_import_of_a_folder_under_a_new_name_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a file"):
        import_file("our-model", tmp_path, folder)


def test_import_of_wrong_bytes_for_a_catalogue_name_is_refused(gguf: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match="SHA-256"):
        import_file("smollm2-135m-instruct", gguf, folder)
    assert not (folder / "smollm2-135m-instruct").exists()


def test_import_of_a_catalogue_name_takes_no_prompt_format(gguf: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match="prompt format"):
        import_file("smollm2-135m-instruct", gguf, folder, PromptFormat.CHATML)


def test_import_of_one_file_for_a_model_of_several_is_refused(gguf: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match="folder"):
        import_file("all-minilm-l6-v2", gguf, folder)


def test_import_of_an_incomplete_folder_lists_what_is_missing(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match=r"model\.safetensors, config\.json"):
        import_file("all-minilm-l6-v2", tmp_path, folder)


@pytest.mark.model
def test_import_of_a_folder_installs_every_file(
    weights: Callable[[str], Path], tmp_path: Path, folder: Path
) -> None:
    source = shutil.copytree(weights("all-minilm-l6-v2"), tmp_path / "brought")
    model = import_file("all-minilm-l6-v2", source, folder)
    assert {check.state for check in check_files(model, folder)} == {FileState.OK}
    assert imported_models(folder) == ()
