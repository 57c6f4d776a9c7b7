from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def gone(plinth, folder) -> str:
    """The id of a document that was deleted."""
    assert plinth("ingest", folder).exit_code == 0
    shown = json.loads(plinth("docs", "show", "leave.md", "--json").stdout)
    assert plinth("docs", "delete", "leave.md", "--yes").exit_code == 0
    return shown["document_id"]


@pytest.mark.parametrize("name", ["leave.md", "id", "--all", None])
def test_verify_deleted_says_what_was_looked_at_and_that_nothing_is_left(plinth, gone, name):
    names = [] if name is None else [gone if name == "id" else name]
    done = plinth("docs", "verify-deleted", *names)
    assert done.exit_code == 0
    assert "LEFT" not in done.stdout
    places = [line for line in done.stdout.splitlines() if line.endswith(": nothing")]
    assert len(places) > 10
    assert "leave.md of collection documents" in done.stdout
    assert "not looked at" in done.stderr


def test_verify_deleted_json_and_exit_code_name_what_is_left(plinth, gone, data_dir: Path):
    value = json.loads(plinth("docs", "verify-deleted", "--json").stdout)
    assert [one["document_id"] for one in value["deleted"]] == [gone]
    assert all(check["left"] is None for check in value["checks"])
    leftover = data_dir / "originals" / "00" / ("0" * 64)
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"left")
    done = plinth("docs", "verify-deleted", "--json")
    assert done.exit_code == 3
    left = [one for one in json.loads(done.stdout)["checks"] if one["left"]]
    assert [one["place"] for one in left] == ["files that belong to nothing"]
    assert "plinth doctor --repair" in left[0]["remedy"]
    assert "LEFT: 1 files" in plinth("docs", "verify-deleted").stdout
    assert plinth("doctor", "--repair").exit_code == 0
    assert plinth("docs", "verify-deleted").exit_code == 0


def test_verify_deleted_mentions_backups_that_were_made_before(plinth, folder, tmp_path):
    assert plinth("ingest", folder).exit_code == 0
    assert plinth("backup", tmp_path / "b.tar").exit_code == 0
    assert plinth("docs", "delete", "leave.md", "--yes").exit_code == 0
    done = plinth("docs", "verify-deleted")
    assert "1 backups were made before" in done.stderr
    assert json.loads(plinth("docs", "verify-deleted", "--json").stdout)["backups"] == 1


def test_verify_deleted_of_what_was_never_deleted_is_an_error(plinth, gone):
    done = plinth("docs", "verify-deleted", "parking.txt")
    assert (done.exit_code, "no deletion of 'parking.txt'" in done.stderr) == (1, True)
    assert plinth("docs", "verify-deleted", "leave.md", "--all").exit_code == 2


def test_verify_deleted_of_an_empty_corpus_finds_nothing(plinth):
    done = plinth("docs", "verify-deleted")
    assert done.exit_code == 0
    assert done.stdout.startswith("0 deleted documents")
