from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import update

from assistant.errors import QuestionCancelledError, UnknownNameError, WriterBusyError
from assistant.store.catalog import open_catalog
from assistant.store.rows import RunCaseRow
from evals.errors import RunError, SuiteError
from evals.run_files import export_run
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


def test_ask_all_keeps_every_reply_and_tells_progress(store):
    told = []
    run = start_run(store, make_plan()).ask_all(answer, told.append)
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
    assert list_runs(store) == (run,)


def test_start_run_continues_a_stopped_run_where_it_was(store):
    run = start_run(store, make_plan())
    with pytest.raises(Killed):
        run.ask_all(killed_at("b"), ignore)
    asked = []
    again = start_run(store, make_plan())
    finished = again.ask_all(lambda case: asked.append(case.id) or answer(case), ignore)
    assert again.id == run.id
    assert asked == ["b", "c"]
    assert set(finished.replies("own")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "changes", [{"subject": {"generation": 2}}, {"sample": 2}, {"seed": 5}], ids=str
)
def test_start_run_begins_anew_for_another_plan(store, changes):
    assert start_run(store, make_plan()).id != start_run(store, make_plan(**changes)).id
    assert len(list_runs(store)) == 2


def test_start_run_begins_anew_after_a_finished_run(store):
    first = start_run(store, make_plan()).ask_all(answer, ignore)
    assert start_run(store, make_plan()).id != first.id


def test_start_run_asks_only_the_sample(store):
    run = start_run(store, make_plan(sample=2, seed=3))
    assert run.suites()[0].cases == make_plan().suites[0].sample(2, 3).cases


def test_start_run_asks_only_cases_with_the_tag(store):
    suite = make_plan().suites[0]
    first = replace(suite.cases[0], tags=("table",))
    tagged = replace(suite, cases=(first, *suite.cases[1:]))
    run = start_run(store, make_plan(suites=(tagged,), tag="table"))
    assert run.suites()[0].cases == (first,)
    assert run.plan["tag"] == "table"
    with pytest.raises(SuiteError, match=r"no case of suite own has the tag 'tabel'.*: table"):
        start_run(store, make_plan(suites=(tagged,), tag="tabel"))


def test_start_run_refuses_suites_of_one_name(store):
    with pytest.raises(SuiteError, match="distinct names"):
        start_run(store, make_plan(suites=make_plan().suites * 2))


def test_ask_all_records_a_failed_case_and_asks_it_again_when_continued(store):
    run = start_run(store, make_plan())
    told = []

    def flaky(case):
        if case.id == "a":
            raise RuntimeError("the model went away")
        return killed_at("c")(case)

    with pytest.raises(Killed):
        run.ask_all(flaky, told.append)
    assert told[0].error == "RuntimeError: the model went away"
    assert run.errors("own") == {"a": "RuntimeError: the model went away"}
    finished = start_run(store, make_plan()).ask_all(answer, ignore)
    assert finished.errors("own") == {}
    assert len(finished.replies("own")) == 3


def test_find_run_takes_a_beginning_that_names_one_run(store):
    assert list_runs(store) == ()
    with pytest.raises(RunError, match="none yet"):
        find_run(store, "2")
    first = start_run(store, make_plan())
    assert find_run(store, first.id[:-2]) == first
    start_run(store, make_plan(seed=9))
    with pytest.raises(RunError, match="several runs"):
        find_run(store, "2")
    with pytest.raises(RunError, match="no run is named 'x'"):
        find_run(store, "x")


def test_cases_that_are_none_any_more_are_refused(store):
    run = start_run(store, make_plan())
    with store._database.writing() as session:
        session.execute(update(RunCaseRow).values(case={"id": "a"}))
    with pytest.raises(SuiteError, match=f"run {run.id} holds what is no case"):
        run.suites()


def test_ask_all_stops_at_a_cancelled_question_and_continues_with_it(store):
    run = start_run(store, make_plan())

    def stopped_at_b(case):
        if case.id == "b":
            raise QuestionCancelledError
        return answer(case)

    with pytest.raises(QuestionCancelledError):
        run.ask_all(stopped_at_b, ignore)
    assert (run.n_replies, run.n_cases) == (1, 3)
    assert run.errors("own") == {}
    (listed,) = list_runs(store)
    assert listed.is_continuable({"generation": 1})
    assert not listed.is_continuable({"generation": 2})
    finished = listed.ask_all(answer, ignore)
    assert finished.n_replies == 3
    assert not finished.is_continuable({"generation": 1})


def test_ask_all_refuses_a_run_that_is_under_way(store):
    run = start_run(store, make_plan())

    def ask(case):
        with pytest.raises(WriterBusyError, match="wait until it is done"):
            run.ask_all(answer, ignore)
        return answer(case)

    assert run.ask_all(ask, ignore).n_replies == 3


def test_every_start_is_recorded_with_its_circumstances(store):
    run = start_run(store, make_plan())
    with pytest.raises(Killed):
        run.ask_all(killed_at("b"), ignore, {"commit": "c1"})
    finished = start_run(store, make_plan()).ask_all(answer, ignore, {"commit": "c2"})
    assert [one["commit"] for one in finished.starts] == ["c1", "c2"]
    assert all(one["at"] for one in finished.starts)
    assert find_run(store, run.id) == finished


def test_reply_is_durable_before_the_next_case_is_asked(store, tmp_path):
    run = start_run(store, make_plan())

    def ask(case):
        with open_catalog(tmp_path / "data") as other:  # what another process would see
            seen.append(set(find_run(other.runs, run.id).replies("own")))
        return answer(case)

    seen = []
    run.ask_all(ask, ignore)
    assert seen == [set(), {"a"}, {"a", "b"}]


def test_two_starts_at_once_of_one_plan_are_one_run(store, tmp_path):
    with open_catalog(tmp_path / "data") as other, ThreadPoolExecutor(2) as pool:
        started = pool.map(lambda one: start_run(one, make_plan()).id, (store, other.runs))
        assert len(set(started)) == 1


def test_state_differs_as_soon_as_anything_came(store):
    run = start_run(store, make_plan())
    states = [run.state]
    finished = run.ask_all(answer, lambda _: states.append(run.state))
    states.append(finished.state)
    assert len(set(states)) == 5


def test_any_text_can_stand_in_a_case_and_in_an_error(store):
    odd, half = "null \x00, whole 𝄞", "half \ud800"
    suite = Suite(name="ödd \x00", sha256="0", cases=(make_case(odd), make_case("b")))

    def ask(case):
        if case.id == odd:
            raise RuntimeError(odd + half)
        return answer(case) | {"answer": odd + half}

    start_run(store, Plan(suites=(suite,), subject={})).ask_all(ask, ignore)
    (run,) = list_runs(store)
    assert run.suites()[0].cases == suite.cases
    assert run.errors(suite.name) == {odd: f"RuntimeError: {odd}{half}"}
    assert run.replies(suite.name)["b"]["answer"] == odd + half


def test_export_refuses_what_can_be_no_file_and_what_is_there(store, tmp_path):
    suite = replace(make_plan().suites[0], name="../own")
    run = start_run(store, Plan(suites=(suite,), subject={}))
    with pytest.raises(RunError, match="cannot be a file's name"):
        export_run(run, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(RunError, match="exists already"):
        export_run(start_run(store, make_plan()), tmp_path)


def test_export_writes_errors_beside_replies(store, tmp_path):
    run = start_run(store, make_plan())
    with pytest.raises(QuestionCancelledError):
        run.ask_all(stopped_at_c, ignore)
    export_run(run, tmp_path / "run")
    errors = (tmp_path / "run" / "errors.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in errors] == [
        {"suite": "own", "id": "a", "error": "RuntimeError: crash"}
    ]
    answers = (tmp_path / "run" / "answers" / "own.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in answers] == ["b"]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is None


def stopped_at_c(case):
    if case.id == "a":
        raise RuntimeError("crash")
    if case.id == "c":
        raise QuestionCancelledError
    return answer(case)


def test_a_run_that_is_not_there_has_no_counts(store):
    with pytest.raises(UnknownNameError, match="no run 'none'"):
        store.counts("none")
