"""Reports as one file: everything in it, nothing from elsewhere, all text as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from evals.comparison import compare_runs
from evals.html_report import comparison_to_html, run_to_html
from evals.judged import judged_cases
from evals.report import report_run
from evals.runs import Plan, start_run
from evals.suites import Evidence, Suite
from tests.evals.conftest import make_case, make_reply

HOSTILE = '<script>alert(1)</script><img src="http://example.test/x">'


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def run_of(store, answers):
    evidence = (Evidence(document="a.pdf", page=1, quote=HOSTILE),)
    cases = (
        make_case("a", question=HOSTILE, answers=("x", HOSTILE), evidence=evidence),
        make_case("b"),
        make_case("n", answerable=False),
    )

    def ask(case):
        if answers[case.id] == "crash":
            raise RuntimeError(HOSTILE)
        cited = [("a.pdf", 1, HOSTILE)]
        return make_reply(case.id, answers[case.id], citations=cited, passages=cited)

    suite = Suite(name=HOSTILE.replace("/", " "), sha256="0" * 64, cases=cases)
    return start_run(store, Plan(suites=(suite,), subject={"a": 1})).ask_all(ask, lambda _: None)


def page_of(run):
    return run_to_html(report_run(run), judged_cases(run))


@pytest.fixture
def runs(store):
    left = run_of(store, {"a": HOSTILE, "b": "crash", "n": "made up"})
    right = run_of(store, {"a": None, "b": "x", "n": None})
    return left, right


@pytest.fixture
def pages(runs):
    left, right = runs
    return [
        Page(page_of(left)),
        Page(page_of(right)),
        Page(comparison_to_html(compare_runs(left, right))),
    ]


def test_pages_take_nothing_from_elsewhere_and_show_text_as_text(pages):
    for page in pages:
        assert not {"script", "img", "link", "iframe", "object", "a", "base"} & set(page.tags)
        names = {name for name, _ in page.attributes}
        assert not {"src", "href", "onclick", "onerror", "style", "srcset"} & names
        assert HOSTILE in page.text
    policy = [value for name, value in pages[0].attributes if name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy


def test_page_of_a_run_shows_figures_layers_and_every_case(pages, runs):
    page = pages[0]
    assert f"Run {runs[0].id}" in page.text
    assert "3 cases: 2 scored, 1 with an error, 0 not asked." in page.text
    assert "containment 1.000 1.000 – 1.000 1" in page.text
    assert "wrongly answered 1" in page.text  # the layer that let the unanswerable one through
    assert page.tags.count("details") == 3
    assert f"RuntimeError: {HOSTILE}" in page.text
    assert "svg" in page.tags


def test_page_names_the_layer_that_lost_a_case_or_says_that_none_did(pages, store):
    assert "retrieved, not shown 1" in pages[1].text
    well = run_of(store, {"a": "crash", "b": "crash", "n": None})
    assert "Nowhere." in Page(page_of(well)).text


def test_page_of_a_comparison_shows_both_answers_to_what_flipped(pages, runs):
    page = pages[2]
    assert f"{runs[1].id} compared with {runs[0].id}" in page.text
    assert "2 cases are compared, 1 are not." in page.text
    assert "answer_rate 1.000 0.000 -1.000" in page.text
    assert "right → wrongly abstained" in page.text
    assert "wrongly answered → right" in page.text
    assert "b: no reply in the left run" in page.text
