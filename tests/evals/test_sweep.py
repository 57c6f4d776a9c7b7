from __future__ import annotations

import pytest

from evals.errors import SweepError
from evals.html_report import sweep_to_html
from evals.report import report_run
from evals.runs import Plan, start_run
from evals.suites import Suite
from evals.sweep import as_environment, measured, sweep_to_json, sweep_to_markdown, variants
from tests.evals.conftest import make_case, make_reply


def report_of(store, answers):
    suite = Suite(name="own", sha256="0", cases=tuple(make_case(one) for one in answers))
    run = start_run(store, Plan(suites=(suite,), subject={}))
    return report_run(
        run.ask_all(lambda case: make_reply(case.id, answers[case.id]), lambda _: None)
    )


def test_variants_are_all_combinations_in_order():
    assert [tuple(one.values()) for one in variants(["a.b=1,2", "c.d= x , y,x"])] == [
        ("1", "x"),
        ("1", "y"),
        ("2", "x"),
        ("2", "y"),
    ]
    assert as_environment({"answer.passages": "3"}) == {"PLINTH_ANSWER__PASSAGES": "3"}


@pytest.mark.parametrize(
    "choices",
    [["a.b"], ["a.b="], ["a=1"], ["a.b.c=1"], [".b=1"], ["a.b=1,,2"], ["a.b=1", "a.b=2"]],
)
def test_variants_refuses_what_is_no_choice(choices):
    with pytest.raises(SweepError):
        variants(choices)


def test_variants_refuses_too_many():
    values = ",".join(map(str, range(9)))
    with pytest.raises(SweepError, match="81 variants"):
        variants([f"a.b={values}", f"c.d={values}"])


def test_every_variant_is_compared_with_the_first(store):
    names = "abcdef"
    first = report_of(store, dict.fromkeys(names, "x") | {"a": "no"})
    second = report_of(store, dict.fromkeys(names, "x"))
    results = measured([({"answer.passages": "3"}, first), ({"answer.passages": "5"}, second)])
    told = sweep_to_json(results)["variants"]
    assert told[0]["differences"] == {}
    assert told[1]["changes"] == {"answer.passages": "5"}
    assert told[1]["differences"]["own"]["containment"]["difference"] == pytest.approx(1 / 6)
    text = sweep_to_markdown(results)
    assert "| answer.passages=3 | 0.833 |" in text
    assert "| answer.passages=5 | 1.000 [+0.000, +0.500] |" in text
    page = sweep_to_html(results)
    assert page.count("<circle") == 2
    assert "answer.passages=5" in page
    assert "<script" not in page
