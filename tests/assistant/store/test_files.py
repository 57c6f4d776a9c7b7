from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.errors import StoreError
from assistant.store import files
from assistant.store.files import is_intact, said_of_disk, total_bytes, write_durably


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, str]:
    return write_durably(tmp_path / "folder", [b"some ", b"bytes"])


def test_is_intact_reads_an_unchanged_file_once(
    written: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_intact(*written)
    monkeypatch.setattr(files.hashlib, "file_digest", None)
    assert is_intact(*written)


@pytest.mark.parametrize("content", [b"some_bytes", b"longer than some bytes", b""])
def test_is_intact_notices_a_change_after_it_was_found_intact(
    written: tuple[Path, str], content: bytes
) -> None:
    path, sha256 = written
    assert is_intact(path, sha256)
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nothing was written
    assert not is_intact(path, sha256)
    assert not is_intact(path, sha256)


def test_is_intact_notices_another_file_in_its_place(written: tuple[Path, str]) -> None:
    path, sha256 = written
    assert is_intact(path, sha256)
    other, _ = write_durably(path.parent, [b"some_bytes"], "other")
    other.replace(path)
    assert not is_intact(path, sha256)


def test_is_intact_compares_with_the_hash_asked_for(written: tuple[Path, str]) -> None:
    path, sha256 = written
    assert is_intact(path, sha256)
    assert not is_intact(path, "0" * 64)


def test_is_intact_of_a_file_written_meanwhile_is_false(
    written: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sha256 = written
    digest = files.hashlib.file_digest

    def touched(*args: object) -> object:
        found = digest(*args)
        path.touch()
        os.utime(path, ns=(1, 1))
        return found

    monkeypatch.setattr(files.hashlib, "file_digest", touched)
    assert not is_intact(path, sha256)


def test_is_intact_of_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_intact(tmp_path / "gone", "0" * 64)


def test_is_intact_of_a_file_removed_meanwhile_says_that_it_is_gone(
    written: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sha256 = written
    digest = files.hashlib.file_digest

    def removed(*args: object) -> object:
        found = digest(*args)
        path.unlink()
        return found

    monkeypatch.setattr(files.hashlib, "file_digest", removed)
    with pytest.raises(FileNotFoundError):
        is_intact(path, sha256)


def test_total_bytes_leaves_out_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    assert total_bytes([tmp_path / "a", tmp_path / "gone"]) == 3


def test_said_of_disk_names_the_file_or_the_folder(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with (
        pytest.raises(StoreError, match=r"missing.*No such file.*check the disk"),
        said_of_disk(tmp_path),
    ):
        missing.read_bytes()
    with pytest.raises(StoreError, match=str(tmp_path)), said_of_disk(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(FileNotFoundError), said_of_disk(tmp_path, passing=(FileNotFoundError,)):
        missing.read_bytes()
