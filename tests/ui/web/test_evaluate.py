from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from assistant.access import OPERATOR, Role
from assistant.errors import UnknownNameError
from assistant.evidence.attribution import Verdict
from assistant.store.rows import RunCaseRow, RunRow
from assistant.store.writer import open_writer
from assistant.types import Support
from evals.runs import Plan, list_runs, start_run
from evals.stored_suites import import_suite, open_suite
from evals.suites import Suite, parse_suite
from tests.ui.web.conftest import SignIn
from ui.web.components.run_list import N_SHOWN
from ui.web.desk import Desk
from ui.web.resources import Resources

END_S = 60
CSV = (
    "question,answer,document,page\n"
    "How many days of annual leave do employees receive?,25 days,leave.md,\n"
    "What is the hotel limit a night?,999 euros,travel.md,\n"
    "Who may use the helicopter?,,,\n"
    "How many days of paid holiday are there?,26 working days,employee-handbook.pdf,3\n"
)


def _script() -> None:
    from ui.web.views import evaluate

    evaluate.draw()


def keep(opened: Resources, name: str, text: str) -> None:
    """Import a suite file into the collection of the documents."""
    import_suite(
        opened.catalog.suites,
        parse_suite(text.encode(), Path(name)),
        OPERATOR,
        name=Path(name).stem,
        collection="documents",
        by="test",
    )


def load(opened: Resources, name: str) -> Suite:
    return open_suite(name, opened.catalog.suites, OPERATOR)


@pytest.fixture
def app(opened: Resources, desk: Desk) -> AppTest:
    keep(opened, "own.csv", CSV)
    return AppTest.from_function(_script, default_timeout=END_S)


def settle(app: AppTest) -> AppTest:
    """Draw the page again once nothing is under way."""
    for thread in threading.enumerate():
        if thread.name == "evaluation":
            thread.join(END_S)
    return app.run()


def ask(app: AppTest, suite: str = "documents/own") -> AppTest:
    app.run()
    app.selectbox[0].set_value(suite).run()
    button(app, "Ask ").click().run()
    settle(app)
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    shown = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.success)
    return "\n".join(str(item.value) for item in (*shown, *app.subheader))


def button(app: AppTest, label: str):  # type: ignore[no-untyped-def]  # AppTest's own type
    return next(one for one in app.button if label in one.label)


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


def test_empty_page_explains_suites_and_runs_the_sample_with_a_click(
    app: AppTest, opened: Resources
) -> None:
    app.run()
    assert not app.exception
    assert "A suite is a list of questions with their right answers" in texts(app)
    assert "30 questions. About 4 min" in texts(app)
    button(app, "Run the whole sample suite").click().run()
    settle(app)
    assert not app.exception
    (run,) = list_runs(opened.catalog.runs)
    assert (run.n_cases, run.finished is None) == (30, False)
    assert "of 30 right" in texts(app)


def new_run(app: AppTest):  # type: ignore[no-untyped-def]  # AppTest's own type
    """Return the folded box that begins a run."""
    return next(one for one in app.expander if one.label == "New run")


def test_beginning_a_run_is_in_sight_only_before_the_first(app: AppTest) -> None:
    app.run()
    assert "New run" not in [one.label for one in app.expander]
    assert "Ask 5 questions" in labels(app)
    ask(app)
    assert not new_run(app).proto.expanded
    assert "Ask 4 questions" in [one.label for one in new_run(app).button]
    assert "A suite is a list of questions" not in texts(app)


def test_suite_that_asks_about_missing_documents_says_so(app: AppTest) -> None:
    app.run()
    assert "of the documents that this suite asks about are not in the corpus" in texts(app)
    assert "and 10 more" in texts(app)
    app.selectbox[0].set_value("documents/own").run()
    assert "not in the corpus" not in texts(app)


def test_run_shows_figures_plots_and_its_wrong_cases(app: AppTest) -> None:
    ask(app)
    assert "own: " in texts(app)
    assert " right" in app.subheader[1].value
    assert len(app.get("vega_lite_chart")) == 3
    assert "Where questions were lost" in texts(app)
    (table,) = [one for one in app.get("html") if "plinth-figures" in str(one.value)]
    assert "<code>containment</code>" in str(table.value)
    shown = texts(app)
    assert "What is the hotel limit a night?" in shown
    assert "999 euros" in shown
    assert "Lost: " in shown
    assert "120 euros a night" in shown
    assert ":green[gold document]" in shown
    assert "shown to the model" in shown
    assert "/plinth/documents/" in shown
    assert "How many days of annual leave do employees receive" not in shown


def test_run_is_compared_with_another_of_its_suite(app: AppTest, opened: Resources) -> None:
    ask(app)
    assert not [box for box in app.selectbox if box.label == "Compare with"]
    first = list_runs(opened.catalog.runs)[0]
    for one in opened.catalog.runs.cases(first.id, 0):  # the first run knew nothing
        assert one.reply is not None
        known = {"status": "abstained", "answer": "", "sentences": [], "citations": []}
        opened.catalog.runs.keep_reply(first.id, one.position, one.reply | known)
    ask(app)
    (box,) = [box for box in app.selectbox if box.label == "Compare with"]
    box.set_value(first.id).run()
    assert not app.exception
    shown = texts(app)
    assert "4 questions that both answered" in shown
    assert "questions flipped" in shown
    table = app.table[0].value
    row = table.set_index("Metric").loc["Answered"]
    assert (row["Other run"], row["Verdict"]) == ("0 %", "better")
    assert "Other run" in shown


def test_filter_shows_right_and_unanswerable_cases(app: AppTest) -> None:
    ask(app)
    (pills,) = [one for one in app.button_group if one.label == "Show"]
    pills.set_value("all").run()
    assert "How many days of annual leave do employees receive" in texts(app)
    assert "the right reply is to abstain" in texts(app)
    assert "employee\\-handbook\\.pdf\\, page 3" in texts(app).replace(",", "\\,")
    (pills,) = [one for one in app.button_group if one.label == "Show"]
    pills.set_value("unscored").run()
    assert "No question went this way" in texts(app)


def test_abstention_of_a_case_that_has_an_answer_is_shown(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.confidence.Calibration.confidence", lambda *_: -1.0)
    ask(app)
    assert "The documents do not say. :gray[(low confidence)]" in texts(app)


def test_failed_case_is_unscored_with_its_error(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*arguments: object, **options: object) -> None:
        raise ValueError("no [luck](http://evil)")

    monkeypatch.setattr("assistant.engine.Engine.ask", crash)
    ask(app)
    assert "own: 0 of 4 right, 4 unscored" in texts(app)
    (pills,) = [one for one in app.button_group if one.label == "Show"]
    pills.set_value("unscored").run()
    assert "ValueError\\: no \\[luck\\]\\(" in texts(app)


def test_case_shows_its_earlier_turns_tags_facts_and_how_it_was_understood(
    app: AppTest, opened: Resources
) -> None:
    case = {
        "id": "follow-up",
        "question": "When does it expire?",
        "answerable": True,
        "answers": ["never"],
        "facts": ["in no month"],
        "tags": ["follow-up"],
        "history": [
            {"role": "user", "content": "How many days of annual leave do employees receive?"},
            {"role": "assistant", "content": "25 days."},
        ],
    }
    keep(opened, "facts.jsonl", json.dumps(case))
    ask(app, "documents/facts")
    shown = texts(app).replace("\\", "")
    assert "assistant: 25 days." in shown
    assert "Case follow-up · follow-up" in shown
    assert "Facts of a complete answer:" in shown
    assert "- in no month" in shown
    assert "Understood as: " in shown


def test_abstention_shows_what_was_withheld(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def unproven(*arguments: object) -> Verdict:
        return Verdict(
            support=Support.UNSUPPORTED, evidence=(), coverage=0.0, cosine=0.0, unstated=()
        )

    monkeypatch.setattr("assistant.engine.ShownEvidence.verdict", unproven)
    ask(app)
    assert "Withheld, not proven: Employees receive 25 days" in texts(app).replace("\\", "")


def test_text_of_a_deleted_document_is_not_shown(app: AppTest, opened: Resources) -> None:
    ask(app)
    (pills,) = [one for one in app.button_group if one.label == "Show"]
    pills.set_value("all").run()
    assert "Employees receive 25 days" in texts(app)
    (leave,) = [
        one for one in opened.catalog.list_documents(OPERATOR) if one.document == "leave.md"
    ]
    with open_writer(opened.data_dir) as writer:
        writer.delete_document(leave.document_id)
    app.run()
    assert "Employees receive 25 days" not in texts(app)
    assert "2 unscored" in texts(app)


def test_many_cases_come_in_pages(app: AppTest, opened: Resources) -> None:
    rows = [f"What is the hotel limit {n}?,{n}99 pounds,travel.md," for n in range(1, 13)]
    keep(opened, "many.csv", "\n".join([CSV.splitlines()[0], *rows]))
    app.run()
    app.selectbox[0].set_value("documents/many").run()
    (sizes,) = [one for one in app.button_group if one.label == "Questions"]
    sizes.set_value(12).run()
    button(app, "Ask 12 questions").click().run()
    settle(app)
    assert "1 to 10 of 12" in texts(app)
    button(app, "Next").click().run()
    assert "11 to 12 of 12" in texts(app)
    assert button(app, "Next").disabled
    (pills,) = [one for one in app.button_group if one.label == "Show"]
    pills.set_value("all").run()
    assert "1 to 10 of 12" in texts(app)


class Waiting:
    """An engine that answers nothing until it is stopped."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()

    def ask(self, _question: str, *, cancellation: Any, **_options: Any) -> None:
        stopped = threading.Event()
        cancellation.stops(stopped.set)
        self.is_asked.set()
        assert stopped.wait(END_S)
        cancellation.check()


def test_run_under_way_is_seen_by_every_tab_and_stops(
    app: AppTest, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    real = opened.engine.result().ask
    monkeypatch.setattr("assistant.engine.Engine.ask", lambda _, *a, **o: waiting.ask(*a, **o))
    app.run()
    app.selectbox[0].set_value("documents/own").run()
    button(app, "Ask 4 questions").click().run()
    assert waiting.is_asked.wait(END_S)
    other = AppTest.from_function(_script, default_timeout=END_S).run()
    for one in (app.run(), other):
        assert not one.exception
        assert "Asking: How many days of annual leave" in texts(one)
        assert "The figures come here once" in texts(one)
        assert not new_run(one).proto.expanded
    button(other, "Stop").click().run()
    settle(other)
    assert "Stopped with 0 of 4 questions answered" in texts(other)
    assert any("stopped, 0 of 4" in label for label in labels(other))
    monkeypatch.setattr("assistant.engine.Engine.ask", lambda _, *a, **o: real(*a, **o))
    button(other, "Continue this run").click().run()
    settle(other)
    assert not other.exception
    assert "Stopped with" not in texts(other)
    (run,) = list_runs(opened.catalog.runs)
    assert run.n_replies == 4


def test_run_of_others_is_neither_seen_nor_stopped_by_who_may_read_less(
    app: AppTest, opened: Resources, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    monkeypatch.setattr("assistant.engine.Engine.ask", lambda _, *a, **o: waiting.ask(*a, **o))
    run_id = opened.evaluations.start(load(opened, "own"), OPERATOR, sample=None)
    assert waiting.is_asked.wait(END_S)
    evaluator = sign_in("eva", Role.EVALUATOR)
    other = AppTest.from_function(_script, default_timeout=END_S).run()
    assert not other.exception
    assert "Asking" not in texts(other)
    assert "Stop" not in labels(other)
    assert (evaluator.evaluations.snapshots(), evaluator.evaluations.runs()) == ((), [])
    evaluator.evaluations.stop(run_id)
    evaluator.evaluations.forget(run_id)
    (progress,) = opened.evaluations.snapshots()
    assert not progress.is_stopping
    (run,) = list_runs(opened.catalog.runs)
    for ask_for in (
        lambda: evaluator.evaluations.readable_cases(run, ()),
        lambda: evaluator.evaluations.compare(run, run),
    ):
        with pytest.raises(UnknownNameError):
            ask_for()
    sign_in("root").evaluations.stop(run_id)
    settle(app.run())


def test_a_second_start_of_the_same_is_refused_and_another_run_takes_turns(
    app: AppTest, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    monkeypatch.setattr("assistant.engine.Engine.ask", lambda _, *a, **o: waiting.ask(*a, **o))
    app.run()
    app.selectbox[0].set_value("documents/own").run()
    opened.evaluations.start(load(opened, "own"), OPERATOR, sample=None)
    assert waiting.is_asked.wait(END_S)
    button(app, "Ask ").click().run()
    assert "this evaluation is under way already; wait" in texts(app)
    app.selectbox[0].set_value("sample").run()
    button(app, "Ask 5 questions").click().run()
    assert not app.exception
    assert labels(app).count("Stop") == 2
    for _ in range(2):
        button(app, "Stop").click().run()
    settle(app)
    assert "Stopped with 0 of 5 questions answered" in texts(app)
    assert "Stop" not in labels(app)


def test_figures_of_changed_documents_are_marked(app: AppTest, opened: Resources) -> None:
    ask(app)
    (run,) = list_runs(opened.catalog.runs)
    first, *_ = opened.catalog.runs.cases(run.id, 0)
    assert first.reply is not None
    opened.catalog.runs.keep_reply(run.id, 0, first.reply | {"index_generation": 99})
    app.run()
    assert "Documents changed during this run" in texts(app)


def test_run_of_several_suites_shows_one_at_a_time(app: AppTest, opened: Resources) -> None:
    keep(opened, "second.csv", CSV.replace("999", "120"))
    plan = Plan(
        suites=(load(opened, "own"), load(opened, "second")),
        subject=opened.evaluations.subject(OPERATOR),
    )
    opened.evaluations.resume(start_run(opened.catalog.runs, plan).id, OPERATOR)
    settle(app)
    assert app.subheader[1].value.startswith("own")
    app.selectbox[1].set_value("second").run()
    assert app.subheader[1].value.startswith("second")


def test_stopped_run_of_other_documents_cannot_be_continued(
    app: AppTest, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    monkeypatch.setattr("assistant.engine.Engine.ask", lambda _, *a, **o: waiting.ask(*a, **o))
    run_id = opened.evaluations.start(load(opened, "own"), OPERATOR, sample=None)
    assert waiting.is_asked.wait(END_S)
    opened.evaluations.stop(run_id)
    settle(app)
    assert "Continue this run" in labels(app)
    opened.evaluations.subject = lambda _: {}
    button(app, "Continue this run").click().run()
    assert "cannot be continued: it is finished, or documents" in texts(app).replace("\\", "")
    assert "Continue this run" not in labels(app)


def test_models_that_cannot_be_loaded_are_an_error_that_can_be_dismissed(
    app: AppTest, opened: Resources
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "ui.web.evaluating.Evaluation._loaded",
            lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
        )
        ask(app)
    assert "The evaluation ended early" in texts(app)
    button(app, "Dismiss").click().run()
    assert "The evaluation ended early" not in texts(app)


def test_a_damaged_run_is_an_error_not_a_crash(app: AppTest, opened: Resources) -> None:
    ask(app)
    (run,) = list_runs(opened.catalog.runs)
    with opened.catalog._database.writing() as session:
        session.execute(update(RunCaseRow).values(case={"id": "1"}))
        session.execute(update(RunRow).values(n_changes=99))
    app.run()
    assert not app.exception
    assert f"run {run.id} holds what is no case" in texts(app).replace("\\", "")
    assert "nothing is measured here yet" in texts(app)


def test_long_lists_of_runs_are_folded(app: AppTest, opened: Resources) -> None:
    for _ in range(N_SHOWN + 1):
        opened.evaluations.start(load(opened, "own"), OPERATOR, sample=1)
        settle(app)
    listed = [one for one in app.button if one.key and one.key.startswith("run-")]
    assert len(listed) == N_SHOWN
    button(app, f"Show all {N_SHOWN + 1}").click().run()
    listed = [one for one in app.button if one.key and one.key.startswith("run-")]
    assert len(listed) == N_SHOWN + 1
    listed[-1].click().run()
    assert list_runs(opened.catalog.runs)[0].id in texts(app).replace("\\", "")
