from __future__ import annotations

import json

import pytest

from assistant.access import OPERATOR
from assistant.errors import UnknownNameError
from assistant.store.catalog import open_catalog
from evals.errors import SuiteError
from evals.runs import Plan
from evals.stored_suites import (
    export_suite,
    import_suite,
    open_suite,
    require_name,
    stored_suite,
    suite_name,
)
from evals.suites import find_suite, load_suite


@pytest.fixture
def suites(tmp_path):
    with open_catalog(tmp_path / "data") as catalog:
        catalog.edit_people("test").add_collection("hr")
        yield catalog.suites


def bring(suites, file, name="own"):
    return import_suite(suites, file, OPERATOR, name=name, collection="hr", by="eva")


def test_an_exported_suite_is_the_imported_one_and_has_its_hash(suites, tmp_path):
    file = load_suite(find_suite("sample"))
    stored = bring(suites, file)
    path = tmp_path / "own.jsonl"
    path.write_bytes(export_suite(suites.cases(stored.suite_id, OPERATOR)))
    asked = open_suite("own", suites, OPERATOR)
    again = load_suite(path)
    assert asked.cases == again.cases == file.cases
    assert asked.sha256 == again.sha256 == stored.latest.sha256
    assert (asked.version, again.version) == (1, None)
    assert bring(suites, again).latest.ordinal == 1


def test_a_file_of_the_same_name_is_the_next_version(suites, suite_file):
    line = {"id": "1", "question": "Q?", "answerable": False}
    first = bring(suites, load_suite(suite_file(json.dumps(line) + "\n")))
    suite_file('{"own": {"page_tolerance": 1}}', "index.json")
    file = load_suite(suite_file(json.dumps(line | {"question": "R?"}) + "\n"))
    second = bring(suites, file, "OWN")
    assert (second.suite_id, second.latest.ordinal) == (first.suite_id, 2)
    assert second.page_tolerance == 1
    asked = stored_suite(suites, second, OPERATOR)
    assert (asked.cases[0].question, asked.page_tolerance) == ("R?", 1)
    assert stored_suite(suites, second, OPERATOR, 1).cases[0].question == "Q?"
    with pytest.raises(UnknownNameError, match="no version 3"):
        stored_suite(suites, second, OPERATOR, 3)


def test_a_plan_names_version_and_hash_of_a_stored_suite_only(suites, suite_file):
    path = suite_file('{"id": "1", "question": "Q?", "answerable": false}\n', "file.jsonl")
    stored = bring(suites, load_suite(path))
    both = (load_suite(path), open_suite("hr/own", suites, OPERATOR))
    plan = Plan(suites=both, subject={}).to_json()
    assert plan["versions"] == {"own": 1}
    assert plan["suites"]["own"] == stored.latest.sha256
    assert "versions" not in Plan(suites=both[:1], subject={}).to_json()


def test_an_empty_suite_is_not_asked(suites):
    suites.add("new", "hr", OPERATOR, by="eva")
    with pytest.raises(SuiteError, match="holds no case"):
        open_suite("new", suites, OPERATOR)


def test_open_suite_knows_files_and_the_sample_first(suites, suite_file):
    path = suite_file('{"id": "1", "question": "Q?", "answerable": false}\n')
    assert open_suite(str(path), suites, OPERATOR).name == "own"
    assert open_suite("sample", suites, OPERATOR).name == "sample"
    with pytest.raises(SuiteError, match=r"no suite is called 'none'.*or the name 'sample'"):
        open_suite("none", suites, OPERATOR)


@pytest.mark.parametrize(
    "name",
    [
        "../up",
        "a/b",
        "a\\b",
        "C:x",
        ".hidden",
        " a",
        "a\x00",
        "a\nb",
        "a\u202evsc",
        "a" * 101,
        "é" * 101,
        "Sample",
        "",
    ],
)
def test_a_suite_has_a_plain_name(suites, name):
    with pytest.raises(SuiteError, match="cannot be called"):
        require_name(name)
    with pytest.raises(SuiteError):
        bring(suites, load_suite(find_suite("sample")), name)
    assert suites.list(OPERATOR) == ()


def test_a_suite_is_called_after_its_file():
    assert suite_name("own {1}.CSV") == "own {1}"
    for name in ("own.txt", "csv", "index.json", ".csv"):
        with pytest.raises(SuiteError):
            suite_name(name)
