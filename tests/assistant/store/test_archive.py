from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from assistant.errors import BackupDamagedError, StoreError
from assistant.store.archive import ArchiveReader, ArchiveWriter

FILE = Path("some.tar")
FILES = {
    "a": b"",
    "folder/b": b"words" * 300,
    "evals/" + "ä" * 150: b"x" * 512,
}


def packed(files: dict[str, bytes] = FILES) -> bytes:
    out = io.BytesIO()
    archive = ArchiveWriter(out, {"format": 1})
    for name, content in files.items():
        archive.add(name, len(content), [content])
    archive.end()
    return out.getvalue()


def unpacked(archive: bytes) -> dict[str, bytes]:
    reader = ArchiveReader(io.BytesIO(archive), FILE)
    files = {entry.name: b"".join(entry.blocks) for entry in reader.entries()}
    assert reader.about == {"format": 1}
    return files


def test_what_was_packed_is_unpacked() -> None:
    assert unpacked(packed()) == FILES
    assert unpacked(packed({})) == {}


def test_any_tar_program_can_read_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed())) as tar:
        assert tar.getnames() == ["plinth-backup.json", *FILES, "manifest.json"]


def test_entries_that_are_not_read_are_checked_all_the_same() -> None:
    archive = packed()
    assert [entry.name for entry in ArchiveReader(io.BytesIO(archive), FILE).entries()] == [*FILES]
    damaged = archive.replace(b"wordswords", b"wordsWords", 1)
    with pytest.raises(BackupDamagedError, match="not the one that was written"):
        list(ArchiveReader(io.BytesIO(damaged), FILE).entries())


def test_every_changed_byte_is_found() -> None:
    archive = packed()
    for at in range(len(archive)):
        damaged = bytearray(archive)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(BackupDamagedError, match=r"some\.tar"):
            unpacked(bytes(damaged))


def test_every_cut_is_found() -> None:
    archive = packed()
    for n_bytes in range(0, len(archive), 7):
        with pytest.raises(BackupDamagedError, match=r"some\.tar"):
            unpacked(archive[:n_bytes])
    with pytest.raises(BackupDamagedError, match="does not end"):
        unpacked(archive + b"\0")


def test_a_name_that_comes_twice_is_refused() -> None:
    out = io.BytesIO()
    archive = ArchiveWriter(out, {"format": 1})
    for _ in range(2):
        archive.add("a", 1, [b"a"])
    archive.end()
    with pytest.raises(BackupDamagedError, match="twice"):
        unpacked(out.getvalue())


def tar_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"%PDF-1.7" * 1000,
        bytes(20_000),
        tar_of(a=b"words"),
        tar_of(**{"plinth-backup.json": b"no JSON"}),
        tar_of(**{"plinth-backup.json": b"[1]"}),
    ],
)
def test_what_is_no_archive_of_ours_is_said_to_be_none(foreign: bytes) -> None:
    with pytest.raises(BackupDamagedError, match="is no backup"):
        unpacked(foreign)


def test_an_archive_that_another_program_made_is_refused() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed())) as tar:
        members = {name: file.read() for name in tar.getnames() if (file := tar.extractfile(name))}
    with pytest.raises(BackupDamagedError):
        unpacked(tar_of(**members))


def test_a_file_that_changes_its_size_while_it_is_packed_is_refused() -> None:
    archive = ArchiveWriter(io.BytesIO(), {"format": 1})
    with pytest.raises(StoreError, match="changed while it was read"):
        archive.add("a", 3, [b"ab"])
