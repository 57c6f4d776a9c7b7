from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.suites import SAMPLE
from tests.ui.conftest import Plinth
from ui.web.resources import Resources, installed, open_resources

LOAD_S = 60.0


@pytest.fixture
def opened(asking: Plinth, folder: Path, data_dir: Path) -> Iterator[Resources]:
    """The resources of a server on the three documents and a PDF, with stand-in models."""
    shutil.copy(SAMPLE / "corpus" / "employee-handbook.pdf", folder)
    assert asking("ingest", folder).exit_code == 0
    with open_resources(data_dir) as resources, installed(resources):
        resources.engine.result(LOAD_S)
        yield resources
