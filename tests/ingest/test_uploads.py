from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
from collections import namedtuple
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import NameTakenError, UnknownNameError
from assistant.store.catalog import open_catalog
from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.types import JobKind, JobState, Sent
from ingest.quotas import require_quota
from ingest.settings import IngestSettings
from ingest.uploads import (
    MAX_NAME_CHARS,
    Announced,
    RefusedUploadError,
    clear_job,
    open_upload,
    receive,
    remove_leftovers,
    require_room,
    upload_name,
)


class GoneError(Exception):
    """The sender went away."""


class Door:
    """Where files come in."""

    def __init__(self, layout: Layout, jobs: Jobs) -> None:
        self.layout = layout
        self.jobs = jobs
        self.job_id = open_upload(jobs, "docs", "ada")

    async def send(
        self, name: str, *blocks: bytes | BaseException, declared_bytes: int = 0, **limits: int
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            for block in blocks:
                if isinstance(block, BaseException):
                    raise block
                yield block

        await receive(
            body(),
            jobs=self.jobs,
            layout=self.layout,
            job_id=self.job_id,
            name=name,
            settings=IngestSettings(**({"max_file_bytes": 100} | limits)),
            declared_bytes=declared_bytes,
        )

    def files(self) -> dict[str, int]:
        return {file.document: file.size_bytes for file in self.jobs.files(self.job_id)}

    def stored(self) -> list[bytes]:
        paths = [path for path in self.layout.uploads.rglob("*") if path.is_file()]
        return sorted(path.read_bytes() for path in paths)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with open_catalog(tmp_path / "data") as catalog:
        yield Door(Layout(tmp_path / "data"), catalog.jobs)


def test_open_upload_queues_a_job_for_the_collection(door: Door) -> None:
    job = door.jobs.get(door.job_id)
    assert (job.kind, job.state, job.requested_by) == (JobKind.UPLOAD, JobState.WAITING, "ada")
    assert job.request["collection"] == "docs"


def test_received_file_is_on_disk_and_in_the_queue(door: Door) -> None:
    asyncio.run(door.send("hr/leave.md", b"25 ", b"days"))
    assert door.files() == {"hr/leave.md": 7}
    path = door.layout.upload(door.job_id, "hr/leave.md")
    assert path.read_bytes() == b"25 days"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(door.layout.uploads.stat().st_mode) == 0o700


def test_received_file_is_synced_before_it_is_queued(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, dict[str, int]]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((name, door.files()))

    monkeypatch.setattr(os, "fsync", noted)
    asyncio.run(door.send("a.txt", b"text"))
    data, uploads, partial, folder = synced
    assert (data[0], uploads[0], folder[0]) == ("data", "uploads", str(door.job_id))
    assert partial[0].startswith(".")
    assert [files for _, files in synced] == [{}] * 4


def test_empty_file_is_received(door: Door) -> None:
    asyncio.run(door.send("empty.txt"))
    assert (door.files(), door.stored()) == ({"empty.txt": 0}, [b""])


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "./.",
        "/",
        "../x",
        "a/../../x",
        "a/..",
        "..\\x",
        "/etc/passwd",
        "//etc/passwd",
        "\\\\server\\share",
        "x" * 1000,
        "\x00" * (MAX_NAME_CHARS // 2),
        "\ud800.txt",
    ],
)
def test_names_that_lead_elsewhere_or_are_none_are_refused(door: Door, name: str) -> None:
    with pytest.raises(RefusedUploadError, match="rename the file"):
        asyncio.run(door.send(name, b"text"))
    assert (door.files(), door.stored()) == ({}, [])


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("hr\\Leave policy.pdf", "hr/Leave policy.pdf"),
        ("./a//b/./c.txt", "a/b/c.txt"),
        ("folder/", "folder"),
        ("...", "..."),
        ("C:\\x.txt", "C:/x.txt"),
        ("nul\x00line\n.txt", "nul\\x00line\\x0a.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("x" * MAX_NAME_CHARS, "x" * MAX_NAME_CHARS),
    ],
)
def test_names_become_plain_relative_paths_and_no_part_of_the_disks(
    door: Door, name: str, document: str
) -> None:
    assert upload_name(name) == document
    asyncio.run(door.send(name, b"text"))
    assert door.files() == {document: 4}
    (path,) = [path for path in door.layout.uploads.rglob("*") if path.is_file()]
    assert len(path.name) == 64


def test_too_many_bytes_are_refused_and_leave_nothing(door: Door) -> None:
    asyncio.run(door.send("fits.txt", b"x" * 50, b"x" * 50))
    with pytest.raises(RefusedUploadError, match=r"limit of 100 bytes.+ingest\.max_file_bytes"):
        asyncio.run(door.send("large.txt", b"x" * 50, b"x" * 51))
    assert door.files() == {"fits.txt": 100}
    assert len(door.stored()) == 1


def test_almost_full_disk_is_refused_before_it_is_full(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    free = iter([1000, 1000, 999])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, next(free)))
    with pytest.raises(RefusedUploadError, match=r"almost full.+1,000 bytes.+ingest\.min_free"):
        asyncio.run(door.send("a.txt", b"x", b"x", min_free_bytes=1000))
    assert (door.files(), door.stored()) == ({}, [])


@pytest.mark.parametrize("n_syncs", range(4))
def test_full_disk_at_any_sync_is_refused_and_leaves_nothing_queued(
    door: Door, monkeypatch: pytest.MonkeyPatch, n_syncs: int
) -> None:
    fsync = os.fsync
    left = iter(range(n_syncs))

    def full(descriptor: int) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RefusedUploadError, match="No space left on device"):
            asyncio.run(door.send("a.txt", b"first"))
    assert door.files() == {}
    remove_leftovers(door.jobs, door.layout)
    assert door.stored() == []
    asyncio.run(door.send("a.txt", b"again"))
    assert (door.files(), door.stored()) == ({"a.txt": 5}, [b"again"])


def test_sender_who_goes_away_leaves_nothing(door: Door) -> None:
    with pytest.raises(GoneError):
        asyncio.run(door.send("a.txt", b"half", GoneError()))
    assert (door.files(), door.stored()) == ({}, [])


def test_second_file_of_a_name_is_refused_and_the_first_ones_bytes_stay(door: Door) -> None:
    asyncio.run(door.send("a.txt", b"first"))
    with pytest.raises(NameTakenError, match="sent already"):
        asyncio.run(door.send("./a.txt", b"second"))
    assert (door.files(), door.stored()) == ({"a.txt": 5}, [b"first"])


def test_files_of_one_name_sent_at_once_are_one_file(door: Door) -> None:
    async def send_both() -> list[BaseException | None]:
        sent = (door.send("a.txt", b"1"), door.send("a.txt", b"22"))
        return list(await asyncio.gather(*sent, return_exceptions=True))

    results = asyncio.run(send_both())
    assert sorted(type(one) for one in results if one) == [NameTakenError]
    (stored,) = door.stored()
    assert door.files() == {"a.txt": len(stored)}


def test_file_for_a_job_that_is_not_there_is_refused(door: Door) -> None:
    door.jobs.stop(door.job_id)
    clear_job(door.jobs, door.layout, door.job_id)
    with pytest.raises(UnknownNameError, match="may have been cleared"):
        asyncio.run(door.send("a.txt", b"text"))
    assert door.stored() == []


def test_file_for_a_job_that_is_cleared_meanwhile_leaves_nothing(door: Door) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"text"
        door.jobs.stop(door.job_id)
        clear_job(door.jobs, door.layout, door.job_id)

    async def send() -> None:
        await receive(
            body(),
            jobs=door.jobs,
            layout=door.layout,
            job_id=door.job_id,
            name="a.txt",
            settings=IngestSettings(max_file_bytes=100),
        )

    with pytest.raises((UnknownNameError, RefusedUploadError)):
        asyncio.run(send())
    assert door.stored() == []


def test_clear_job_keeps_what_goes_on(door: Door) -> None:
    asyncio.run(door.send("a.txt", b"text"))
    clear_job(door.jobs, door.layout, door.job_id)
    assert (door.files(), door.stored()) == ({"a.txt": 4}, [b"text"])
    door.jobs.stop(door.job_id)
    clear_job(door.jobs, door.layout, door.job_id)
    assert (door.files(), door.stored()) == ({}, [])


def test_remove_leftovers_keeps_only_what_jobs_wait_for(door: Door) -> None:
    remove_leftovers(door.jobs, door.layout)  # there is no folder yet
    asyncio.run(door.send("a.txt", b"wanted"))
    folder = door.layout.uploads / str(door.job_id)
    (folder / ".partial").write_bytes(b"half")
    door.layout.upload(door.job_id, "never-queued.txt").write_bytes(b"lost")
    cleared = door.layout.uploads / "77"
    cleared.mkdir()
    (cleared / "file").write_bytes(b"cleared")
    remove_leftovers(door.jobs, door.layout)
    assert door.stored() == [b"wanted"]
    assert not cleared.exists()


NOTHING_SENT = Sent(n_batch_files=0, n_batch_bytes=0, n_waiting_bytes_each=0, n_waiting_bytes=0)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_batch_files": 1}, "at most 1 files"),
        ({"max_batch_bytes": 59}, "59 bytes in one batch"),
        ({"max_waiting_bytes_each": 89}, "89 bytes of yours"),
        ({"max_waiting_bytes": 139}, "139 bytes of everybody"),
    ],
)
def test_files_beyond_a_quota_are_refused_with_its_name_and_leave_nothing(
    door: Door, limits: dict[str, int], said: str
) -> None:
    for name, by in (("mine.txt", "ada"), ("other.txt", "ben")):
        job_id, door.job_id = door.job_id, open_upload(door.jobs, "docs", by)
        asyncio.run(door.send(name, b"x" * (30 if by == "ada" else 50)))
        door.job_id = job_id
    asyncio.run(door.send("first.txt", b"x" * 30))
    exact = {name: 2 if "files" in name else limit + 1 for name, limit in limits.items()}
    setting = next(iter(limits))
    for declared_bytes in (30, 0):  # told before, and found out
        blocks = [GoneError()] if declared_bytes else [b"x" * 30]
        with pytest.raises(RefusedUploadError, match=rf"{said}.+ingest\.{setting}"):
            asyncio.run(door.send("next.txt", *blocks, declared_bytes=declared_bytes, **limits))
    assert door.files() == {"first.txt": 30}
    assert len(door.stored()) == 3
    asyncio.run(door.send("next.txt", b"x" * 30, declared_bytes=30, **exact))
    assert door.files() == {"first.txt": 30, "next.txt": 30}


def test_files_that_are_taken_in_do_not_count_as_waiting(door: Door) -> None:
    asyncio.run(door.send("first.txt", b"x" * 30))
    assert door.jobs.sent(door.job_id).n_waiting_bytes == 30
    (file,) = door.jobs.files(door.job_id)
    door.jobs.report_files(door.job_id, [replace(file, status="rejected")])
    assert door.jobs.sent(door.job_id).n_waiting_bytes_each == 30  # its bytes are kept
    door.jobs.report_files(door.job_id, [replace(file, status="ingested")])
    sent = door.jobs.sent(door.job_id)
    assert (sent.n_waiting_bytes, sent.n_batch_bytes, sent.n_batch_files) == (0, 30, 1)


def test_file_that_is_declared_too_large_is_not_read(door: Door) -> None:
    with pytest.raises(RefusedUploadError, match="limit of 100 bytes"):
        asyncio.run(door.send("large.txt", GoneError(), declared_bytes=101))
    assert door.stored() == []


def test_file_that_would_fill_the_disk_is_not_read(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 1049))
    with pytest.raises(RefusedUploadError, match="almost full"):
        asyncio.run(door.send("a.txt", GoneError(), declared_bytes=50, min_free_bytes=1000))
    asyncio.run(door.send("a.txt", b"x", declared_bytes=49, min_free_bytes=1000))


def test_files_that_arrive_together_cannot_exceed_a_quota(door: Door) -> None:
    async def both() -> list[object]:
        sends = [
            door.send(name, b"x" * 30, declared_bytes=30, max_batch_bytes=59)
            for name in ("a.txt", "b.txt")
        ]
        return await asyncio.gather(*sends, return_exceptions=True)

    results = asyncio.run(both())
    assert set(map(type, results)) == {RefusedUploadError, type(None)}
    assert len(door.files()) == len(door.stored()) == 1


def test_batch_that_is_announced_too_large_is_refused_before_it_begins(door: Door) -> None:
    asyncio.run(door.send("mine.txt", b"x" * 30))
    settings = IngestSettings(max_batch_files=3, max_batch_bytes=100, max_waiting_bytes_each=120)

    def announce(n_files: int, n_bytes: int) -> None:
        announced = Announced(n_files=n_files, n_bytes=n_bytes)
        require_room(door.jobs, door.layout, "ada", settings, announced)

    announce(3, 90)
    announce(0, 0)
    for n_files, n_bytes, said in (
        (4, 1, "max_batch_files"),
        (1, 101, "max_batch_bytes"),
        (1, 91, "max_waiting_bytes_each"),
    ):
        with pytest.raises(RefusedUploadError, match=said):
            announce(n_files, n_bytes)


def test_quota_is_reached_by_exactly_its_last_byte() -> None:
    settings = IngestSettings(max_batch_bytes=10)
    require_quota(NOTHING_SENT, 10, settings)
    with pytest.raises(RefusedUploadError):
        require_quota(NOTHING_SENT, 11, settings)
