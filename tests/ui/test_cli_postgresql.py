from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import IN_URL, PASSWORD, PostgresServer
from tests.ui.conftest import Plinth


@pytest.fixture
def url(
    data_dir: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of an empty database, which the environment names."""
    with postgres_server.database("template0") as name:
        monkeypatch.setenv("PLINTH_CATALOG__URL", postgres_server.url(name))
        yield postgres_server.url(name)


def test_commands_work_with_the_catalog_in_postgresql(
    plinth: Plinth, data_dir: Path, folder: Path, url: str
) -> None:
    assert plinth("groups", "add", "staff").exit_code == 0
    assert plinth("ingest", folder, "--group", "staff").exit_code == 0
    listed = json.loads(plinth("docs", "list", "--json").stdout)
    assert len(listed["documents"]) == 3
    found = json.loads(plinth("search", "hotel limit", "--json").stdout)
    assert found["passages"][0]["document"] == "travel.md"
    checks = json.loads(plinth("doctor", "--json").stdout)["checks"]
    assert {one["check"]: one["fault"] for one in checks}["catalog"] is None
    assert not (data_dir / "catalog.sqlite").exists()
    assert PASSWORD not in json.dumps(checks)


def test_commands_say_what_is_wrong_with_the_database_without_its_password(
    plinth: Plinth, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plinth("groups", "add", "staff").exit_code == 0
    monkeypatch.delenv("PLINTH_CATALOG__URL")
    refused = plinth("groups", "list")
    assert refused.exit_code == 1
    assert "say in which with catalog.url" in refused.stderr
    monkeypatch.setenv("PLINTH_CATALOG__URL", url.replace("127.0.0.1:", "127.0.0.1:1"))
    away = plinth("groups", "list")
    assert away.exit_code == 1
    for secret in (PASSWORD, IN_URL):
        assert secret not in away.stderr + away.stdout
