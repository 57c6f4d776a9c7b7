from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import models.files
from models.catalog import ModelEntry, ModelFile
from models.errors import ModelFileError
from models.files import FileState, check_files, require_weights, verify_files
from tests.models.conftest import CONTENT, a_model, put

DAMAGED = CONTENT[:-1] + b"!"


def state(model: ModelEntry, folder: Path) -> FileState:
    (check,) = check_files(model, folder)
    return check.state


def test_check_without_files_finds_them_missing(model: ModelEntry, folder: Path) -> None:
    assert state(model, folder) is FileState.MISSING
    assert not folder.exists()


def test_check_of_a_good_file_is_ok(model: ModelEntry, folder: Path) -> None:
    put(model, folder)
    (check,) = check_files(model, folder)
    assert check.state is FileState.OK
    assert check.sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", DAMAGED])
def test_check_of_a_wrong_file_is_damaged(model: ModelEntry, folder: Path, content: bytes) -> None:
    put(model, folder, content)
    assert state(model, folder) is FileState.DAMAGED
    (check,) = verify_files(model, folder)
    assert check.state is FileState.DAMAGED


def test_second_check_does_not_read_the_file(
    model: ModelEntry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(model, folder)
    check_files(model, folder)
    monkeypatch.setattr(models.files, "sha256_of", None)
    assert state(model, folder) is FileState.OK


def test_check_notices_a_file_changed_after_its_stamp(model: ModelEntry, folder: Path) -> None:
    path = put(model, folder)
    check_files(model, folder)
    put(model, folder, DAMAGED)
    os.utime(path, ns=(0, 0))
    assert state(model, folder) is FileState.DAMAGED


def test_verify_notices_damage_that_size_and_time_hide(model: ModelEntry, folder: Path) -> None:
    path = put(model, folder)
    check_files(model, folder)
    status = path.stat()
    put(model, folder, DAMAGED)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert state(model, folder) is FileState.OK
    (check,) = verify_files(model, folder)
    assert check.state is FileState.DAMAGED


def test_file_of_unknown_hash_is_held_to_its_first_one(folder: Path) -> None:
    model = a_model(ModelFile(path="weight.gguf", bytes=10_000))
    path = put(model, folder)
    assert state(model, folder) is FileState.OK
    put(model, folder, DAMAGED)
    os.utime(path, ns=(0, 0))
    assert state(model, folder) is FileState.DAMAGED


@pytest.mark.parametrize("text", ["", "[]", "\x00", '{"weight.gguf": 3}', '{"weight.gguf": {}}'])
def test_check_with_unreadable_stamps_hashes_again(
    model: ModelEntry, folder: Path, text: str
) -> None:
    path = put(model, folder)
    (path.parent / models.files.STAMPS).write_text(text, encoding="utf-8")
    assert state(model, folder) is FileState.OK


def test_check_works_where_stamps_cannot_be_written(
    model: ModelEntry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(model, folder)

    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "read-only", str(path))

    monkeypatch.setattr(models.files, "write_atomically", refuse)
    assert state(model, folder) is FileState.OK


def test_require_weights_returns_path_and_hash(model: ModelEntry, folder: Path) -> None:
    path = put(model, folder)
    assert require_weights(model, folder) == (path, hashlib.sha256(CONTENT).hexdigest())


def test_require_weights_says_what_to_run(model: ModelEntry, folder: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is missing; run `plinth models pull tiny`"):
        require_weights(model, folder)
    put(model, folder, DAMAGED)
    with pytest.raises(ModelFileError, match="is damaged"):
        require_weights(model, folder)
