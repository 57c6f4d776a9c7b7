from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store import writer
from assistant.store.catalog import open_catalog
from ingest.pipeline import IngestProgress
from ui.cli.ingest_progress import show_progress

PROJECT = Path(__file__).resolve().parents[2]

# The command with an embedder that says so when it is asked about the third document, and goes on
# when it reads a line; one document is published at a time.
STEPWISE = """
import sys
from ingest import batches
from models import factory
from models.fakes import FakeEmbedder
from ui.cli.main import main

class StepwiseEmbedder(FakeEmbedder):
    n = 0
    def count_tokens(self, texts):
        self.n += any(texts)
        if self.n == 3:
            print("measuring", flush=True)
            sys.stdin.readline()
        return super().count_tokens(texts)

batches.PUBLISH_DOCUMENTS = 1
factory.build_embedder = lambda settings: StepwiseEmbedder()
main()
"""


@contextmanager
def stepwise_ingest(folder: Path, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run an ingest that stands still after two published documents."""
    for i in range(6):
        (folder / f"{i}.txt").write_text(f"Text number {i}.", encoding="utf-8")
    command = [sys.executable, "-c", STEPWISE, "ingest", str(folder), "--data-dir", str(data_dir)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [*command, "--json"],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "measuring\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    folder = tmp_path / "numbered"
    folder.mkdir()
    return folder


def published(data_dir: Path) -> list[str]:
    with open_catalog(data_dir) as catalog:
        assert catalog.problems() == ()
        return [document.document for document in catalog.list_documents(OPERATOR)]


def test_ingest_json_is_as_the_contract_has_it(plinth, folder):
    (folder / "empty.txt").write_text("", encoding="utf-8")
    done = plinth("ingest", folder, "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["counts"] == {
        "ingested": 3,
        "replaced": 0,
        "unchanged": 0,
        "linked": 0,
        "rejected": 1,
        "removed": 0,
    }
    assert report["index_generation"] == 2  # the texts, then the vectors
    by_name = {document["document"]: document for document in report["documents"]}
    assert by_name["leave.md"] == {
        "document": "leave.md",
        "status": "ingested",
        "reason": None,
        "detail": None,
        "pages": 1,
        "chunks": 1,
        "flags": [],
    }
    assert by_name["empty.txt"]["reason"] == "empty"
    assert by_name["empty.txt"]["detail"]


def test_ingest_prints_counts_and_what_was_rejected(plinth, folder):
    (folder / "em\x1b[2Jpty.txt").write_text("", encoding="utf-8")
    done = plinth("ingest", folder)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:2] == ["ingested        3", "rejected        1"]
    assert "em\\x1b[2Jpty.txt: empty: " in done.stdout


def test_ingest_of_nothing_says_so(plinth, numbered):
    done = plinth("ingest", numbered)
    assert (done.exit_code, done.stdout) == (0, "No files found.\n")


def test_ingest_second_run_finds_everything_unchanged_and_prunes(plinth, folder):
    plinth("ingest", folder)
    (folder / "leave.md").unlink()
    counts = json.loads(plinth("ingest", folder, "--json").stdout)["counts"]
    assert (counts["unchanged"], counts["removed"]) == (2, 0)
    counts = json.loads(plinth("ingest", folder, "--prune", "--json").stdout)["counts"]
    assert (counts["unchanged"], counts["removed"]) == (2, 1)


def test_ingest_makes_the_collection_and_grants_it(plinth, folder):
    plinth("groups", "add", "staff")
    assert plinth("ingest", folder, "--collection", "hr", "--group", "staff").exit_code == 0
    listed = json.loads(plinth("collections", "list", "--json").stdout)
    assert listed == {"collections": [{"collection": "hr", "documents": 3, "groups": ["staff"]}]}


def test_ingest_for_an_unknown_group_changes_nothing(plinth, folder):
    done = plinth("ingest", folder, "--collection", "hr", "--group", "staff")
    assert done.exit_code == 1
    assert "'staff'" in done.stderr
    assert json.loads(plinth("collections", "list", "--json").stdout) == {"collections": []}


def test_ingest_of_a_path_that_is_not_there_is_an_error_that_names_it(plinth, folder, data_dir):
    done = plinth("ingest", folder, folder / "missing")
    assert done.exit_code == 1
    assert "missing" in done.stderr
    assert not (data_dir / "catalog.sqlite").exists()


def test_ingest_help_has_an_example(plinth):
    done = plinth("ingest", "--help")
    assert done.exit_code == 0
    assert "Example: plinth ingest" in " ".join(done.stdout.split())


def test_ingest_interrupted_exits_130_and_the_next_run_does_the_rest(plinth, data_dir, numbered):
    with stepwise_ingest(numbered, data_dir) as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(input="\n", timeout=60)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    documents = published(data_dir)
    assert [one["document"] for one in json.loads(stdout)["documents"]] == documents
    assert len(documents) == 3  # the step that was under way is stored
    counts = json.loads(plinth("ingest", numbered, "--json").stdout)["counts"]
    assert (counts["unchanged"], counts["ingested"]) == (3, 3)


def test_ingest_killed_leaves_a_corpus_that_the_next_run_completes(plinth, data_dir, numbered):
    with stepwise_ingest(numbered, data_dir) as process:
        process.kill()
        process.wait(timeout=60)
    assert len(published(data_dir)) == 2
    counts = json.loads(plinth("ingest", numbered, "--json").stdout)["counts"]
    assert (counts["unchanged"], counts["ingested"]) == (2, 4)
    assert len(published(data_dir)) == 6


def test_ingest_while_another_one_runs_names_it_and_exits_1(
    plinth, data_dir, numbered, folder, monkeypatch
):
    monkeypatch.setattr(writer, "open_writer", partial(writer.open_writer, wait_s=0.0))
    with stepwise_ingest(numbered, data_dir) as process:
        done = plinth("ingest", folder)
        assert len(published(data_dir)) == 2  # readers are not kept waiting
        assert done.exit_code == 1
        assert f"process {process.pid}" in done.stderr


def test_ingest_of_unchanged_files_loads_no_heavy_library(plinth, data_dir, folder):
    plinth("ingest", folder)
    script = (
        "import sys\nfrom ui.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n"
        "    print([m for m in ('torch', 'faiss', 'pypdf', 'llama_cpp') if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", script, "ingest", str(folder), "--data-dir", str(data_dir)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["unchanged       3", "[]"]


def progress(n_bytes_done: int, doing: str = "") -> IngestProgress:
    return IngestProgress(n_bytes=100, n_bytes_done=n_bytes_done, n_documents_done=1, doing=doing)


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    times = iter([0.0, 1.0, 20.0, 21.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    with show_progress() as show:
        for n_bytes_done in (10, 25, 50):
            show(progress(n_bytes_done))
    # A quarter took 20 s, so three quarters take 60 s.
    assert capsys.readouterr().err == "1 documents, 25% of all bytes, about 60 s left\n"


def test_progress_says_which_scanned_page_is_read(capsys, monkeypatch):
    times = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    doing = "reading scanned page 3 of 12 of a\nb"
    with show_progress() as show:
        show(progress(0, doing))
        show(progress(25, doing))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("no document is complete yet (reading scanned page 3 of 12 of a")
    assert second.startswith("1 documents, 25% of all bytes, about 120 s left (reading scanned")


def test_progress_on_a_terminal_is_a_bar(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, os.fdopen(ours, "rb") as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with show_progress() as show:
            show(progress(50))
        terminal.close()
        shown = ""
        while "/100 bytes" not in shown:  # else the end of the terminal is an error
            shown += screen.read1(65536).decode()
