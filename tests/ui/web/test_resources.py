from __future__ import annotations

import threading
from pathlib import Path

import pytest

from models.fakes import FakeGenerator
from tests.ui.conftest import Plinth
from ui.web.resources import open_resources


def test_generator_forgets_when_a_document_is_deleted(
    asking: Plinth, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = threading.Event()
    monkeypatch.setattr(FakeGenerator, "forget", lambda _: forgotten.set())
    with open_resources(data_dir) as resources:
        resources.engine.result(60)
        assert not forgotten.is_set()
        assert asking("docs", "delete", "parking.txt", "--yes").exit_code == 0
        assert forgotten.wait(60)
