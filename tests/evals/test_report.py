from __future__ import annotations

from evals.report import report_run
from evals.runs import Plan, start_run
from evals.suites import Suite
from tests.evals.conftest import make_case, make_reply


def ask(case):
    if case.id == "c":
        raise RuntimeError("crash")
    return make_reply(case.id, None if case.id == "n" else "x")


def finished_run(store, **changes):
    cases = (make_case("a"), make_case("c"), make_case("n", answerable=False))
    suite = Suite(name="own", sha256="0" * 64, cases=cases)
    plan = Plan(**{"suites": (suite,), "subject": {}} | changes)
    return start_run(store, plan).ask_all(ask, lambda _: None)


def test_report_json_has_values_counts_intervals_and_errors(store):
    run = finished_run(store)
    report = report_run(run).to_json()
    own = report["suites"]["own"]
    assert report["run"] == run.id
    assert (own["n"], own["unscored"]) == (3, 1)
    assert (own["crashed"], own["not_asked"]) == (1, 0)
    assert own["containment"] == 1  # the case without a reply is counted apart
    assert own["intervals"]["containment"]["n"] == 1
    assert own["abstention_recall"] == 1
    assert own["errors"] == {"c": "RuntimeError: crash"}
    assert report["models"] == [make_reply("", None)["model"]]


def test_report_markdown_states_what_was_measured(store):
    text = report_run(finished_run(store, sample=3, seed=4)).to_markdown()
    assert "## own: 3 cases, 1 with an error, 0 not asked" in text
    assert "| containment | 1.000 | 1.000 – 1.000 | 1 |" in text
    assert "| ttft_ms_p50 | 100 | 100 – 100 | 2 |" in text
    assert "Generator g (0123456789ab), embedder e, prompt 1." in text
    assert "3 a suite drawn with seed 4" in text
    assert "Unscored c: RuntimeError: crash" in text
    assert "Not finished" not in text


def test_report_of_an_unfinished_run_says_so(store):
    suite = Suite(name="own", sha256="", cases=(make_case("a"),))
    report = report_run(start_run(store, Plan(suites=(suite,), subject={})))
    assert "Not finished" in report.to_markdown()
    assert report.suites["own"].unscored == 1
