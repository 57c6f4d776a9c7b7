from __future__ import annotations

import json
from dataclasses import replace

import pytest

from assistant.errors import QuestionCancelledError, WriterBusyError
from evals.errors import RunError, SuiteError
from evals.runs import Plan, find_run, list_runs, start_run
from evals.suites import Suite
from tests.evals.conftest import make_case, make_reply


def make_plan(**changes):
    cases = tuple(make_case(name) for name in "abc")
    suite = Suite(name="own", sha256="0" * 64, cases=cases, page_tolerance=1)
    return Plan(**{"suites": (suite,), "subject": {"generation": 1}} | changes)


def answer(case):
    return make_reply("not the id", f"answer to {case.id}")


def ignore(progress):
    pass


class Killed(BaseException):
    """The process ends here."""


def killed_at(case_id):
    def ask(case):
        if case.id == case_id:
            raise Killed
        return answer(case)

    return ask


def test_ask_all_keeps_every_reply_and_tells_progress(tmp_path):
    told = []
    run = start_run(tmp_path, make_plan()).ask_all(answer, told.append)
    assert run.finished
    assert {reply["answer"] for reply in run.replies("own").values()} == {
        "answer to a",
        "answer to b",
        "answer to c",
    }
    assert list(run.replies("own")) == ["a", "b", "c"]
    assert [(p.n_done, p.n_total, p.error) for p in told] == [(n, 3, None) for n in (1, 2, 3)]
    (suite,) = run.suites()
    assert (suite.cases, suite.page_tolerance) == (make_plan().suites[0].cases, 1)
    assert list_runs(tmp_path) == (run,)


def test_start_run_continues_a_stopped_run_where_it_was(tmp_path):
    run = start_run(tmp_path, make_plan())
    with pytest.raises(Killed):
        run.ask_all(killed_at("b"), ignore)
    answers = run.folder / "answers" / "own.jsonl"
    answers.write_text(answers.read_text() + '{"id": "b", "ans')  # a line cut by the crash
    asked = []
    again = start_run(tmp_path, make_plan())
    finished = again.ask_all(lambda case: asked.append(case.id) or answer(case), ignore)
    assert again.id == run.id
    assert asked == ["b", "c"]
    assert set(finished.replies("own")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "changes", [{"subject": {"generation": 2}}, {"sample": 2}, {"seed": 5}], ids=str
)
def test_start_run_begins_anew_for_another_plan(tmp_path, changes):
    assert start_run(tmp_path, make_plan()).id != start_run(tmp_path, make_plan(**changes)).id
    assert len(list_runs(tmp_path)) == 2


def test_start_run_begins_anew_after_a_finished_run(tmp_path):
    first = start_run(tmp_path, make_plan()).ask_all(answer, ignore)
    assert start_run(tmp_path, make_plan()).id != first.id


def test_start_run_asks_only_the_sample(tmp_path):
    run = start_run(tmp_path, make_plan(sample=2, seed=3))
    assert run.suites()[0].cases == make_plan().suites[0].sample(2, 3).cases


def test_start_run_asks_only_cases_with_the_tag(tmp_path):
    suite = make_plan().suites[0]
    first = replace(suite.cases[0], tags=("table",))
    tagged = replace(suite, cases=(first, *suite.cases[1:]))
    run = start_run(tmp_path, make_plan(suites=(tagged,), tag="table"))
    assert run.suites()[0].cases == (first,)
    assert run.plan["tag"] == "table"
    with pytest.raises(SuiteError, match=r"no case of suite own has the tag 'tabel'.*: table"):
        start_run(tmp_path, make_plan(suites=(tagged,), tag="tabel"))


def test_start_run_refuses_suites_of_one_name(tmp_path):
    with pytest.raises(SuiteError, match="distinct names"):
        start_run(tmp_path, make_plan(suites=make_plan().suites * 2))


def test_start_run_leaves_nothing_behind_when_it_cannot_write(tmp_path, monkeypatch):
    def full_disk(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evals.runs.write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        start_run(tmp_path, make_plan())
    assert list(tmp_path.iterdir()) == []


def test_ask_all_records_a_failed_case_and_asks_it_again_when_continued(tmp_path):
    run = start_run(tmp_path, make_plan())
    told = []

    def flaky(case):
        if case.id == "a":
            raise RuntimeError("the model went away")
        return killed_at("c")(case)

    with pytest.raises(Killed):
        run.ask_all(flaky, told.append)
    assert told[0].error == "RuntimeError: the model went away"
    assert run.errors("own") == {"a": "RuntimeError: the model went away"}
    finished = start_run(tmp_path, make_plan()).ask_all(answer, ignore)
    assert finished.errors("own") == {}
    assert len(finished.replies("own")) == 3


def test_find_run_takes_a_beginning_that_names_one_run(tmp_path):
    assert list_runs(tmp_path / "none") == ()
    with pytest.raises(RunError, match="none yet"):
        find_run(tmp_path, "2")
    first = start_run(tmp_path, make_plan())
    assert find_run(tmp_path, first.id[:-2]) == first
    start_run(tmp_path, make_plan(seed=9))
    with pytest.raises(RunError, match="several runs"):
        find_run(tmp_path, "2")
    with pytest.raises(RunError, match="no run is named 'x'"):
        find_run(tmp_path, "x")


def test_damaged_run_files_are_named(tmp_path):
    run = start_run(tmp_path, make_plan()).ask_all(answer, ignore)
    (run.folder / "answers" / "own.jsonl").write_text("{\n")
    with pytest.raises(RunError, match=r"own\.jsonl.* is damaged"):
        run.replies("own")
    (run.folder / "run.json").write_text(json.dumps({"plan": {}}))
    with pytest.raises(RunError, match=r"run\.json.* is not the record"):
        list_runs(tmp_path)


def test_ask_all_stops_at_a_cancelled_question_and_continues_with_it(tmp_path):
    run = start_run(tmp_path, make_plan())

    def stopped_at_b(case):
        if case.id == "b":
            raise QuestionCancelledError
        return answer(case)

    with pytest.raises(QuestionCancelledError):
        run.ask_all(stopped_at_b, ignore)
    assert (run.n_replies, run.n_cases) == (1, 3)
    assert run.errors("own") == {}
    (listed,) = list_runs(tmp_path)
    assert listed.is_continuable({"generation": 1})
    assert not listed.is_continuable({"generation": 2})
    finished = listed.ask_all(answer, ignore)
    assert finished.n_replies == 3
    assert not finished.is_continuable({"generation": 1})


def test_ask_all_refuses_a_run_that_is_under_way(tmp_path):
    run = start_run(tmp_path, make_plan())

    def ask(case):
        with pytest.raises(WriterBusyError, match="wait until it is done"):
            run.ask_all(answer, ignore)
        return answer(case)

    assert run.ask_all(ask, ignore).n_replies == 3
