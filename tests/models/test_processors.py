from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.processors import multiplies_bfloat16, physical_cores, this_processor


@pytest.fixture
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)


@pytest.mark.usefixtures("four_processors")
def test_physical_cores_counts_hardware_threads_of_a_core_once(tmp_path: Path) -> None:
    for processor, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{processor}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n", encoding="ascii")
    assert physical_cores(tmp_path) == 2


@pytest.mark.usefixtures("four_processors")
def test_physical_cores_without_topology_counts_processors(tmp_path: Path) -> None:
    assert physical_cores(tmp_path) == 4


def test_physical_cores_without_affinity_counts_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert physical_cores() == os.cpu_count()


def test_this_processor_differs_by_name_and_instruction_sets_only(tmp_path: Path) -> None:
    def described(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    plain = "model name\t: Fast 1\nflags\t\t: avx avx2\ncpu MHz\t\t: 1000\n"
    one = this_processor(described("one", plain))
    assert one.name.startswith("Fast 1 (")
    assert this_processor(described("warmer", plain.replace("1000", "2000"))) == one
    assert this_processor(described("wider", plain.replace("avx2", "avx2 avx512f"))).key != one.key
    assert this_processor(described("other", plain.replace("Fast 1", "Fast 2"))).key != one.key
    assert this_processor(tmp_path / "none").name.startswith("unknown")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16", True),
        ("fpu avx512f avx512_bf16x", False),
        ("fpu avx2", False),
    ],
)
def test_multiplies_bfloat16_goes_by_the_instructions(
    tmp_path: Path, flags: str, *, expected: bool
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"model name\t: One\nflags\t\t: {flags}\n", encoding="utf-8")
    assert multiplies_bfloat16(path) is expected
