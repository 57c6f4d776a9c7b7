from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store.catalog import open_catalog
from assistant.store.writer import open_writer
from evals.runs import find_run, list_runs
from tests.ui.conftest import Plinth

CSV = (
    "question,answer,document,page\n"
    "How many days of annual leave do employees receive?,25 days,leave.md,\n"
    "What is the hotel limit a night?,120 euros,travel.md,\n"
)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.fixture
def measuring(plinth: Plinth, folder: Path) -> Plinth:
    assert plinth("ingest", folder).exit_code == 0
    return plinth


def test_eval_run_prints_figures_and_keeps_the_run(
    measuring: Plinth, suite: Path, data_dir: Path
) -> None:
    done = measuring("eval", "run", suite, "--json")
    assert done.exit_code == 0
    value = json.loads(done.stdout)
    own = value["suites"]["own"]
    assert (own["n"], own["unscored"], own["doc_recall_at_5"]) == (2, 0, 1)
    assert own["intervals"]["containment"]["n"] == 2
    assert value["plan"]["subject"]["settings"]["models"]["generator"] == "fake-generator"
    assert "2/2 cases" in done.stderr
    (start,) = value["starts"]
    assert start["generator"] == {
        "name": "fake-generator",
        "sha256": "",
        "fingerprint": "fake-4096",
    }
    assert start["gates"] == []
    assert start["machine"]["cores"] >= 1
    assert start["prompt_version"]
    with open_catalog(data_dir) as catalog:
        assert set(find_run(catalog.runs, value["run"]).replies("own")) == {"2", "3"}
    assert not list((data_dir / "evals" / "locks").iterdir())


def test_eval_report_scores_a_run_again(measuring: Plinth, suite: Path) -> None:
    run = json.loads(measuring("eval", "run", suite, "--sample", 1, "--json").stdout)
    done = measuring("eval", "report", run["run"])
    assert done.exit_code == 0
    assert done.stdout.startswith(f"# Run {run['run']}")
    assert json.loads(measuring("eval", "report", run["run"], "--json").stdout) == run


def test_eval_run_exits_3_when_a_gate_is_missed(measuring: Plinth, suite: Path) -> None:
    met = measuring("eval", "run", suite, "--gate", "doc_recall_at_5>=1")
    missed = measuring("eval", "run", suite, "--gate", "doc_recall_at_5>=1.5")
    assert met.exit_code == 0
    assert missed.exit_code == 3
    assert "gate doc_recall_at_5>=1.5 is not met: own has 1" in missed.stderr
    assert missed.stdout.startswith("# Run ")


def test_eval_run_notes_whether_the_corpus_holds_what_is_asked_for(
    measuring: Plinth, tmp_path: Path, data_dir: Path
) -> None:
    def case(name: str, document: str, quote: str | None) -> str:
        evidence = [{"document": document, "page": None, "quote": quote}]
        known = {"id": name, "question": "How many days?", "answerable": True}
        return json.dumps(known | {"answers": ["fewer than before"], "evidence": evidence}) + "\n"

    suite = tmp_path / "held.jsonl"
    suite.write_text(
        case("there", "LEAVE.md", "Employees receive 25 days of annual leave")
        + case("changed", "leave.md", "Every second Friday is free for all staff")
        + case("unquoted", "leave.md", None)
        + case("missing", "gone.md", "Employees receive 25 days of annual leave"),
        encoding="utf-8",
    )
    run = json.loads(measuring("eval", "run", suite, "--json").stdout)["run"]
    with open_catalog(data_dir) as catalog:
        replies = find_run(catalog.runs, run).replies("held")
    assert {one: reply["gold"] for one, reply in replies.items()} == {
        "there": {"in_corpus": True, "in_text": True},
        "changed": {"in_corpus": True, "in_text": False},
        "unquoted": {"in_corpus": True, "in_text": None},
        "missing": {"in_corpus": False, "in_text": None},
    }


def test_eval_compare_pairs_two_runs_and_gates_use_it(measuring: Plinth, suite: Path) -> None:
    first, second = (
        json.loads(measuring("eval", "run", suite, "--json").stdout)["run"] for _ in range(2)
    )
    done = measuring("eval", "compare", first, second)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"# Run {second} compared with {first}")
    told = json.loads(measuring("eval", "compare", first, second, "--json").stdout)
    assert told["suites"]["own"]["differences"]["containment"]["difference"] == 0
    assert told["suites"]["own"]["flips"] == []
    for number, command in enumerate((("report", first), ("compare", first, second))):
        page = suite.with_name(f"{number}.html")
        written = measuring("eval", *command, "--html", page)
        assert f"written: {page}" in written.stderr
        assert page.read_text("utf-8").startswith("<!doctype html>")
    refused = measuring("eval", "report", first, "--html", suite / "below-a-file.html")
    assert refused.exit_code == 1
    assert "below-a-file.html" in refused.stderr
    gated = measuring("eval", "run", suite, "--gate", f"containment no worse than {first} by 0")
    assert gated.exit_code == 0
    missed = measuring("eval", "run", suite, "--gate", f"page_mrr no worse than {first}")
    assert missed.exit_code == 3
    assert "no suite of both runs measures it" in missed.stderr


def test_eval_list_names_suites_and_runs(measuring: Plinth, suite: Path) -> None:
    measuring("eval", "run", suite)
    done = measuring("eval", "list")
    assert "shipped suite: sample" in done.stdout
    assert "  own  finished" in done.stdout
    (run,) = json.loads(measuring("eval", "list", "--json").stdout)["runs"]
    assert run["suites"] == ["own"]


def test_eval_export_writes_files_that_an_earlier_plinth_would_have_kept(
    measuring: Plinth, suite: Path, tmp_path: Path
) -> None:
    run = json.loads(measuring("eval", "run", suite, "--gate", "doc_mrr>=0", "--json").stdout)
    folder = tmp_path / run["run"]
    done = measuring("eval", "export", run["run"], folder)
    assert done.exit_code == 0, done.stderr
    cases, replies = (
        [json.loads(line) for line in (folder / part / "own.jsonl").read_text().splitlines()]
        for part in ("suites", "answers")
    )
    assert [one["id"] for one in cases] == [one["id"] for one in replies] == ["2", "3"]
    assert run["starts"][0]["gates"] == ["doc_mrr>=0"]
    refused = measuring("eval", "export", run["run"], folder)
    assert refused.exit_code == 1
    assert "exists already" in refused.stderr
    # Read back where the catalog does not know it.
    other = tmp_path / "other"
    (other / "evals").mkdir(parents=True)
    folder.rename(other / "evals" / run["run"])
    told = json.loads(measuring("eval", "report", "2", "--data-dir", other, "--json").stdout)
    assert (told["plan"], told["starts"]) == (run["plan"], run["starts"])
    assert told["suites"]["own"]["n"] == 2
    assert told["suites"]["own"]["unscored"] == 2  # its documents are not there


@pytest.mark.parametrize(
    ("args", "exit_code", "problem"),
    [
        (("run", "nothing"), 1, "no suite is called 'nothing'"),
        (("run", "sample", "--gate", "beauty>=1"), 2, "no known metric"),
        (("run", "sample", "--sample", "0"), 2, "--sample"),
        (("report", "2001"), 1, "no run is named '2001'"),
        (("compare", "2001", "2002"), 1, "no run is named '2001'"),
        (("run", "sample", "--gate", "f1 no worse than 2001"), 1, "no run is named '2001'"),
    ],
)
def test_eval_refuses_with_the_reason(
    plinth: Plinth, args: tuple[str, ...], exit_code: int, problem: str
) -> None:
    done = plinth("eval", *args)
    assert done.exit_code == exit_code
    assert problem in done.stderr


def test_eval_calibrate_fits_to_this_site_and_reset_goes_back(
    measuring: Plinth, tmp_path: Path, data_dir: Path
) -> None:
    lines = ["question,answer,document,page"]
    # The stand-in for a model quotes the best sentence: right where that is asked for.
    for number in range(12):
        lines.append(f"How many days of annual leave do employees receive {number}?,25 days,,")
        lines.append(f"What is the hotel limit a night in city {number}?,999 euros,,")
    suite = tmp_path / "many.csv"
    suite.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = measuring("eval", "calibrate", suite, "--most-wrong", 0.5, "--json")
    assert done.exit_code == 0, done.stderr
    fitted = json.loads(done.stdout)
    assert fitted["fitted"]["answers"] == 24
    assert fitted["generator"] == "fake-generator"
    assert "fitted to 24 answers of this site" in measuring("doctor").stdout
    run = json.loads(measuring("eval", "run", suite, "--sample", 2, "--json").stdout)
    assert run["plan"]["subject"]["calibration"]["fitted"] == fitted["fitted"]
    assert (data_dir / "calibration.json").is_file()
    assert measuring("eval", "calibrate", "--reset").exit_code == 0
    assert not (data_dir / "calibration.json").exists()
    assert "no calibration was fitted to fake-generator" in measuring("doctor").stdout


def test_eval_calibrate_refuses_with_the_reason(measuring: Plinth, suite: Path) -> None:
    few = measuring("eval", "calibrate", suite)
    assert few.exit_code == 1
    assert "too few to fit anything" in few.stderr
    for arguments in ((), (suite, "--reset")):
        assert measuring("eval", "calibrate", *arguments).exit_code == 2


def test_eval_sweep_compares_settings_and_chunk_sizes(
    measuring: Plinth, suite: Path, data_dir: Path
) -> None:
    page = suite.with_name("sweep.html")
    before = measuring("docs", "list", "--json").stdout
    done = measuring(
        *("eval", "sweep", suite, "--try", "answer.passages=1,3"),
        *("--try", "ingest.chunk_tokens=32,180", "--html", page, "--json"),
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)["variants"]
    assert [list(one["changes"].values()) for one in told] == [
        ["1", "32"],
        ["1", "180"],
        ["3", "32"],
        ["3", "180"],
    ]
    assert told[0]["suites"]["own"]["n"] == 2
    assert "variant 4 of 4: answer.passages=3, ingest.chunk_tokens=180" in done.stderr
    assert page.read_text("utf-8").count("<circle") == 4
    assert measuring("docs", "list", "--json").stdout == before
    runs = json.loads(measuring("eval", "list", "--json").stdout)["runs"]
    assert {one["run"] for one in told} == {run["run"] for run in runs}
    with open_writer(data_dir) as writer:
        for document in writer.catalog.list_documents(OPERATOR):
            writer.delete_document(document.document_id)
        assert [run.n_replies for run in list_runs(writer.catalog.runs)] == [0] * 4
    assert "deleted" in measuring("eval", "report", told[0]["run"]).stdout
    assert not list(data_dir.glob("plinth-sweep-*"))


def test_eval_sweep_checks_all_values_before_it_asks(measuring: Plinth, suite: Path) -> None:
    wrong = measuring("eval", "sweep", suite, "--try", "answer.passages=3,none")
    assert wrong.exit_code == 1
    assert "answer.passages" in wrong.stderr
    assert json.loads(measuring("eval", "list", "--json").stdout)["runs"] == []
    assert measuring("eval", "sweep", suite, "--try", "passages").exit_code == 1
