from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from assistant.store import writer
from assistant.store.lock import ProcessLock
from ingest import ocr, pipeline
from ingest.parsing import sandbox
from ingest.parsing.confinement import Confinement
from ingest.parsing.tesseract import Installed
from tests.ingest.parsing.test_pdf_scans import needs_tesseract
from tests.ui.conftest import Plinth


def test_doctor_of_a_sound_corpus_finds_no_fault(asking: Plinth) -> None:
    done = asking("doctor")
    assert done.exit_code == 0
    assert "FAULT" not in done.stdout
    assert "3 documents" in done.stdout


def test_doctor_says_what_the_kernel_does_not_hold_of_parsers_and_calls_it_no_fault(
    plinth: Plinth, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = Confinement(landlock_abi=7, has_filter=True)
    monkeypatch.setattr(sandbox, "examine_confinement", lambda: holds)
    assert "parser processes: open no file but their input" in plinth("doctor").stdout
    holds = Confinement(landlock_abi=0, has_filter=True)
    done = plinth("doctor")
    assert "FAULT parser processes" not in done.stdout
    assert "not held here: files other than the input can be read" in done.stdout


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (
            Installed(version="5.3.0", languages=("eng",)),
            "ok    scanned pages: are read by Tesseract",
        ),
        (
            Installed(version=None, languages=()),
            "ok    scanned pages: are not read; `sudo apt inst",
        ),
        (
            Installed(version="5.3.0", languages=()),
            "FAULT scanned pages: Tesseract lacks eng; `sudo",
        ),
    ],
    ids=["installed", "absent", "language missing"],
)
def test_doctor_says_what_reads_scans_or_what_to_install(
    plinth: Plinth, monkeypatch: pytest.MonkeyPatch, found: Installed, wanted: str
) -> None:
    monkeypatch.setattr(ocr, "examine_ocr", lambda _: found)
    done = plinth("doctor")
    assert wanted in done.stdout
    assert (done.exit_code == 3) == wanted.startswith("FAULT")


@needs_tesseract
def test_doctor_asks_a_confined_process_for_tesseract(plinth: Plinth) -> None:
    assert re.search(r"are read by Tesseract [45]\.\S+ in eng", plinth("doctor").stdout)


def test_doctor_says_how_many_chunks_wait_for_vectors_and_calls_it_no_fault(
    plinth: Plinth, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "embed_waiting", lambda *_, **__: None)
        plinth("ingest", folder)
    done = plinth("doctor")
    assert done.exit_code == 0
    assert "; 3 chunks are found by their words" in done.stdout
    listed = plinth("docs", "list")
    assert "3 passages are found by their words" in listed.stderr
    assert len(listed.stdout.splitlines()) == 3
    assert plinth("search", "second class", "-k", "1").exit_code == 0
    plinth("ingest", folder)
    assert "found by their words" not in plinth("doctor").stdout
    assert "found by their words" not in plinth("docs", "list").stderr


def test_doctor_names_a_run_that_is_not_in_the_catalog(asking: Plinth, data_dir: Path) -> None:
    assert "ok    evaluations: 0 runs" in asking("doctor").stdout
    record = data_dir / "evals" / "20260102T030405Z-0a1b2c" / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}", encoding="utf-8")
    done = asking("doctor")
    assert done.exit_code == 3
    assert "FAULT evaluations: " in done.stdout
    assert "evals/20260102T030405Z-0a1b2c; wait if one is under way" in done.stdout


def test_doctor_names_a_damaged_index_and_its_repair(asking: Plinth, data_dir: Path) -> None:
    for file in (data_dir / "index").iterdir():
        file.write_bytes(file.read_bytes()[:-8])
    done = asking("doctor", "--json")
    assert done.exit_code == 3
    faults = [check["fault"] for check in json.loads(done.stdout)["checks"] if check["fault"]]
    assert len(faults) == 1
    assert "plinth doctor --repair" in faults[0]


def test_doctor_repair_makes_a_damaged_index_anew_and_nothing_else(
    asking: Plinth, data_dir: Path
) -> None:
    documents = asking("docs", "list", "--json").stdout
    originals = {path.name for path in (data_dir / "originals").rglob("*")}
    for file in (data_dir / "index").iterdir():
        file.write_bytes(b"")
    assert asking("search", "hotel limit").exit_code == 1
    done = asking("doctor", "--repair")
    assert done.exit_code == 0
    assert "ok    repair: index rebuilt from the catalog as generation 3: 3 chunks" in done.stdout
    assert "travel.md" in asking("search", "hotel limit").stdout
    assert asking("docs", "list", "--json").stdout == documents
    assert {path.name for path in (data_dir / "originals").rglob("*")} == originals


def test_doctor_repair_of_an_empty_corpus_has_nothing_to_do(plinth: Plinth, folder: Path) -> None:
    done = plinth("doctor", "--repair")
    assert done.exit_code == 0
    assert "no index to rebuild" in done.stdout
    assert plinth("ingest", folder).exit_code == 0


def test_doctor_repair_while_another_process_writes_names_it_and_exits_1(
    asking: Plinth, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "open_writer", partial(writer.open_writer, wait_s=0.0))
    with ProcessLock(data_dir / "writer.lock", wait_s=0.0):
        done = asking("doctor", "--repair")
    assert done.exit_code == 1
    assert "is writing to it" in done.stderr


@pytest.mark.model
def test_doctor_names_an_index_of_another_embedder(asking: Plinth, data_dir: Path) -> None:
    settings = data_dir / "plinth.toml"
    settings.write_text(settings.read_text().replace("fake-embedder", "all-minilm-l6-v2"))
    done = asking("doctor")
    assert done.exit_code == 3
    assert "another embedder than 'all-minilm-l6-v2'" in done.stdout


def test_doctor_names_a_library_that_does_not_load(
    plinth: Plinth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.cli.doctor.LIBRARIES", ("no_such_library",))
    done = plinth("doctor")
    assert done.exit_code == 3
    assert "make setup" in done.stdout


def test_doctor_names_what_a_provider_lacks(
    asking: Plinth, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "identity provider" not in asking("doctor").stdout
    monkeypatch.setenv("PLINTH_OPENID__ISSUER", "https://id.example")
    monkeypatch.setenv("PLINTH_OPENID__CLIENT_ID", "plinth")
    done = asking("doctor")
    assert done.exit_code == 0
    assert "sign in by https://id.example" in done.stdout
    for name in [one for one in sys.modules if one.startswith(("ui.web.openid.", "joserfc"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    done = asking("doctor")
    assert done.exit_code == 3
    assert "joserfc is not installed" in done.stdout
    assert "pip install -e '.[sso]'" in done.stdout


def test_doctor_names_settings_that_are_not_valid(plinth: Plinth, data_dir: Path) -> None:
    (data_dir / "plinth.toml").write_text("[nonsense]\na = 1\n")
    done = plinth("doctor")
    assert done.exit_code == 3
    assert "nonsense" in done.stdout


def test_doctor_names_an_unknown_model(plinth: Plinth, data_dir: Path) -> None:
    (data_dir / "plinth.toml").write_text('[models]\ngenerator = "gpt-17"\n')
    done = plinth("doctor")
    assert done.exit_code == 3
    assert "gpt-17" in done.stdout
