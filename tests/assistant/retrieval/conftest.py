from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.store.writer import CatalogWriter, open_writer


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def writer(data_dir: Path) -> Iterator[CatalogWriter]:
    """A writer on a new data dir with the collection `docs`."""
    with open_writer(data_dir, wait_s=0) as opened:
        opened.people.add_collection("docs")
        yield opened
