from __future__ import annotations

import json

import pytest

from evals.errors import SuiteError
from evals.suites import SAMPLE, Evidence, Suite, case_to_json, find_suite, load_suite
from tests.evals.conftest import make_case

GOOD = {"id": "1", "question": "Q?", "answerable": True, "answers": ["x"]}

HEAD = "question,answer,document,page\n"


def line(**changes):
    return json.dumps(GOOD | changes) + "\n"


def test_load_suite_reads_every_field(suite_file):
    evidence = [{"document": "a.pdf", "page": 2, "quote": "x it is"}]
    history = [{"role": "user", "content": "P?"}]
    text = line(facts=["x"], evidence=evidence, tags=["t"], history=history)
    suite = load_suite(suite_file(text + "\n" + line(id="2", answerable=False, answers=[])))
    first, second = suite.cases
    assert first.evidence == (Evidence(document="a.pdf", page=2, quote="x it is"),)
    assert (first.facts, first.tags, first.history[0].content) == (("x",), ("t",), "P?")
    assert not second.answerable
    assert (suite.name, len(suite.sha256), suite.page_tolerance) == ("own", 64, 0)


def test_case_to_json_writes_what_load_suite_reads(suite_file):
    cases = load_suite(find_suite("sample")).cases
    text = "".join(json.dumps(case_to_json(case)) + "\n" for case in cases)
    assert load_suite(suite_file(text)).cases == cases


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no case"),
        (line() + "{\n", "line 2: not JSON"),
        (line() + line(), "line 2: second case '1'"),
        (line(answers=[]), "needs a gold answer"),
        (line(answerable=False), "has no `answers`"),
        (line(answr="x"), "answr: Extra inputs"),
        (line(evidence=[{"document": "a", "page": 0}]), "evidence.0.page"),
        (line(history=[{"role": "system", "content": ""}]), "history.0.role"),
        ("[]\n", "line 1: line:"),
    ],
)
def test_load_suite_refuses_with_file_and_line(suite_file, text, problem):
    with pytest.raises(SuiteError, match=r"own\.jsonl") as caught:
        load_suite(suite_file(text))
    assert problem in str(caught.value)


def test_load_suite_refuses_what_is_no_text(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="not UTF-8"):
        load_suite(path)
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(tmp_path)


def test_load_suite_reads_csv_with_open_evidence_and_unanswerable_rows(suite_file):
    text = 'question,answer,document,page\n"Q,\n1?",x,a.pdf,3\nQ2?,,,\nQ3?,y,b.md,\nQ4?,z,,\n'
    first, second, third, fourth = load_suite(suite_file(text, "own.csv")).cases
    assert (first.id, first.question) == ("3", "Q,\n1?")
    assert first.evidence == (Evidence(document="a.pdf", page=3),)
    assert not second.answerable
    assert third.evidence == (Evidence(document="b.md", page=None),)
    assert fourth.evidence == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("question,answer\nQ?,x\n", "line 1: columns"),
        ("", "line 1: columns"),
        ("question,answer,document,page\nQ?,x,a.pdf,iv\n", "line 2: page 'iv'"),
        ("question,answer,document,page\n,x,a.pdf,1\n", "line 2: question"),
    ],
)
def test_load_suite_refuses_csv_with_file_and_line(suite_file, text, problem):
    with pytest.raises(SuiteError) as caught:
        load_suite(suite_file(text, "own.csv"))
    assert problem in str(caught.value)


def test_load_suite_takes_the_page_tolerance_of_the_index_beside_it(suite_file):
    suite_file('{"own": {"page_tolerance": 1}}', "index.json")
    assert load_suite(suite_file(line())).page_tolerance == 1
    suite_file("[]", "index.json")
    with pytest.raises(SuiteError, match=r"index\.json"):
        load_suite(suite_file(line()))


def test_find_suite_knows_the_sample_and_files_only(suite_file):
    path = suite_file(line())
    assert find_suite(str(path)) == path
    assert load_suite(find_suite("sample")).name == SAMPLE.name
    assert find_suite("smaple") is None


def test_sample_is_repeatable_and_keeps_the_order_of_the_file():
    cases = tuple(make_case(str(number)) for number in range(20))
    suite = Suite(name="s", sha256="", cases=cases)
    drawn = suite.sample(5, seed=1)
    assert drawn == suite.sample(5, seed=1)
    assert drawn != suite.sample(5, seed=2)
    assert sorted(drawn.cases, key=cases.index) == list(drawn.cases)
    assert suite.sample(99, seed=1) == suite


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("own.jsonl", "[" * 100_000, "line 1: JSON that no case needs"),
        ("own.jsonl", '{"id": ' + "9" * 5000 + "}", "line 1: JSON that no case needs"),
        ("own.csv", HEAD + '"' + "x" * 200_000, "line 1: not CSV"),
        ("own.csv", HEAD + "q,a,d," + "9" * 5000, "is not a number"),
    ],
    ids=("brackets", "digits", "field", "page"),
)
def test_hostile_files_are_refused_as_any_other(suite_file, name, text, problem):
    with pytest.raises(SuiteError, match=problem):
        load_suite(suite_file(text, name))
