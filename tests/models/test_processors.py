from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.processors import physical_cores


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
