from __future__ import annotations

from pathlib import Path

import pytest

from assistant.store.catalog import open_catalog
from evals.bootstrap import Figure
from evals.metrics import METRICS
from evals.runs import Plan, Run, start_run
from evals.suites import Suite
from tests.evals.conftest import make_case, make_reply
from ui.web.components.figures import figures_html
from ui.web.components.plots import draw_figures, draw_times, figures_spec, times_spec
from ui.web.components.run_list import begun, run_label
from ui.web.components.start_box import expectation
from ui.web.metric_words import SHORT, WORDS, duration_text, figure_text


def figure(value: float) -> Figure:
    return Figure(value=value, low=value / 2, high=value, n=4)


def test_every_metric_has_words() -> None:
    assert set(WORDS) == set(METRICS)
    assert set(SHORT) <= set(METRICS)


def test_figures_plot_has_a_row_for_each_telling_figure() -> None:
    spec = figures_spec({"em": figure(0.1), "containment": figure(0.5)})
    assert spec is not None
    assert spec["data"]["values"] == [
        {
            "metric": "Right if answerable",
            "value": 0.5,
            "low": 0.25,
            "high": 0.5,
            "text": "50 %",
            "n": 4,
        }
    ]
    rule, point = spec["layer"]
    assert (rule["encoding"]["x"]["field"], rule["encoding"]["x2"]["field"]) == ("low", "high")
    assert point["encoding"]["x"]["field"] == "value"
    assert spec["encoding"]["y"]["sort"] == ["Right if answerable"]


def test_times_plot_has_a_stroke_for_each_reply_that_has_the_time() -> None:
    spec = times_spec([make_reply("a", "x", ttft=1500.0), make_reply("b", None, ttft=None)])
    assert spec is not None
    assert spec["data"]["values"] == [
        {"metric": "First word", "seconds": 1.5},
        {"metric": "Whole answer", "seconds": 3.0},
        {"metric": "Whole answer", "seconds": 0.0},
    ]


def test_there_is_no_plot_of_nothing() -> None:
    assert figures_spec({"em": figure(1)}) is None
    assert times_spec([]) is None
    draw_figures({})
    draw_times([])


def test_table_states_name_value_interval_and_count() -> None:
    html = figures_html({"ttft_ms_p50": figure(2400.0), "em": figure(0.5)})
    assert "Answers that are the gold answer, word for word<code>em</code>" in html
    assert "<b>2.4 s</b></td><td>1.2 s – 2.4 s</td><td>4</td>" in html


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5 s"), (44, "45 s"), (117, "115 s"), (170, "3 min"), (5000, "83 min"), (7200, "2.0 h")],
)
def test_durations_are_round(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_expectation_is_measured_or_says_that_it_is_not() -> None:
    assert expectation(10, 2.0) == "About 20 s: a question took 2.0 s in the latest run here."
    assert "nothing is measured here yet" in expectation(5, None)
    assert figure_text("total_ms_p95", 999.0) == "999 ms"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "02 Jan 2026, 13:00"),
        ("Nowhere/None", "02 Jan 2026, 12:00 UTC"),
        ("../etc/passwd", "02 Jan 2026, 12:00 UTC"),
        (None, "02 Jan 2026, 12:00 UTC"),
    ],
)
def test_beginning_is_told_in_the_time_of_the_reader(
    zone: str | None, text: str, tmp_path: Path
) -> None:
    with open_catalog(tmp_path) as catalog:
        run = Run(id="r", plan={}, started="2026-01-02T12:00:00+00:00", store=catalog.runs)
    assert begun(run, zone) == text


def test_label_of_a_run_shows_foreign_names_as_they_are(tmp_path: Path) -> None:
    suite = Suite(name="[x](y)", sha256="", cases=(make_case("a"),))
    with open_catalog(tmp_path) as catalog:
        run = start_run(catalog.runs, Plan(suites=(suite,), subject={}))
        label, running = (run_label(run, is_running=one, zone=None) for one in (False, True))
    assert label.startswith("\\[x\\]\\(y\\) · stopped, 0 of 1")
    assert "under way" in running
