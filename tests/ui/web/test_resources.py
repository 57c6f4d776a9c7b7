from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest

from assistant.store.catalog import Catalog, open_catalog
from assistant.store.types import AuditAction
from models.fakes import FakeGenerator
from tests.ui.conftest import Plinth
from ui.web.resources import open_resources
from ui.web.theme import streamlit_options


def test_garbage_is_not_looked_for_among_what_stays(asking: Plinth, data_dir: Path) -> None:
    assert asking("docs", "list").exit_code == 0
    with open_resources(data_dir) as resources:
        resources.engine.result(60)
        assert gc.get_freeze_count() > 10_000
    assert not streamlit_options("127.0.0.1", 8501, ["localhost"])["runner.postScriptGC"]


def test_generator_forgets_when_documents_change(
    asking: Plinth, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asking("docs", "list").exit_code == 0
    forgotten = threading.Event()
    generations = [1]
    monkeypatch.setattr(FakeGenerator, "forget", lambda _: forgotten.set())
    monkeypatch.setattr(Catalog, "current_generation", lambda _: generations[0])
    with open_resources(data_dir) as resources:
        resources.engine.result(60)
        assert not forgotten.is_set()
        generations[0] += 1
        assert forgotten.wait(60)


def test_server_records_the_questions_that_the_one_before_left(
    asking: Plinth, data_dir: Path
) -> None:
    assert asking("docs", "list").exit_code == 0
    with open_catalog(data_dir) as catalog:
        catalog.open_questions.begin("ann")
    with open_resources(data_dir) as resources:
        (entry,) = resources.catalog.audit.entries(action=AuditAction.ASKED, limit=9)
    assert (entry.actor, entry.details["status"]) == ("ann", "interrupted")
