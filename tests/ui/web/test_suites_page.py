from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from assistant.access import OPERATOR
from assistant.store.suite_types import StoredSuite
from assistant.store.types import AuditAction
from tests.ui.web.test_suites import CSV, LEAVE, document_id
from ui.measuring import suites_root
from ui.web.components import passage_picker
from ui.web.components.passage_picker import WHOLE_PAGE
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.suite_state import SuitesState

END_S = 60


def _script() -> None:
    from ui.web.views import evaluate

    evaluate.draw()


@pytest.fixture
def app(opened: Resources, desk: Desk) -> AppTest:
    return turn_to(AppTest.from_function(_script, default_timeout=END_S).run(), "Suites")


def turn_to(app: AppTest, section: str) -> AppTest:
    next(one for one in app.button_group if one.label == "Section").set_value(section).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    shown = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.success)
    return "\n".join(str(one.value) for one in (*shown, *app.subheader)).replace("\\", "")


def press(app: AppTest, label: str, *, nth: int = 0) -> AppTest:
    [one for one in app.button if one.label == label][nth].click().run()
    assert not app.exception
    return app


def box(app: AppTest, label: str):  # type: ignore[no-untyped-def]  # AppTest's own type
    every = (*app.text_area, *app.text_input, *app.selectbox, *app.multiselect, *app.toggle)
    return next(one for one in every if label in one.label)


def state_of(app: AppTest) -> SuitesState:
    state: SuitesState = app.session_state["plinth_suites"]
    return state


@pytest.fixture
def stored(desk: Desk) -> StoredSuite:
    return desk.suites.import_file("own.csv", CSV, "documents")


def make_suite(app: AppTest, name: str = "own") -> AppTest:
    box(app, "Name of the suite").set_value(name)
    return press(app, "Make it")


def write(app: AppTest, question: str, answers: str = "25 days") -> AppTest:
    press(app, "Add a question")
    box(app, "Question").set_value(question)
    box(app, "Right answers").set_value(answers)
    return app


def test_a_suite_is_begun_filled_and_a_question_deleted_and_brought_back(
    app: AppTest, desk: Desk
) -> None:
    assert "There are no suites yet" in texts(app)
    make_suite(app)
    assert "It holds no question yet" in texts(app)
    write(app, "How many days?", "25 days\ntwenty-five⏎days")
    box(app, "Facts").set_value("")
    press(app, "Save")
    assert "The question is saved." in texts(app)
    (suite,) = desk.suites.list()
    (case,) = desk.suites.cases(suite.suite_id)
    assert case.values["answers"] == ["25 days", "twenty-five\ndays"]
    assert "twenty-five days" in texts(app)
    press(app, "Edit")
    assert box(app, "Right answers").value == "25 days\ntwenty-five⏎days"
    box(app, "Tags").set_value(["hr"])
    press(app, "Save")
    (case,) = desk.suites.cases(suite.suite_id)
    assert (case.key, case.values["tags"], case.since) == ("q1", ["hr"], 3)
    press(app, "Delete", nth=0)
    assert "The question was deleted." in texts(app)
    assert desk.suites.cases(suite.suite_id) == ()
    press(app, "Undo")
    assert "The change was undone." in texts(app)
    assert [one.key for one in desk.suites.cases(suite.suite_id)] == ["q1"]
    assert "Versions (5)" in [one.label for one in app.expander]
    press(app, "Go back to it", nth=1)  # to version 3
    assert "It is as in version 3 again" in texts(app) or "version" in texts(app)


def test_a_question_that_is_no_case_is_not_saved_and_says_why(app: AppTest, desk: Desk) -> None:
    make_suite(app)
    press(app, "Add a question")
    press(app, "Save")
    assert "Write the question first" in texts(app)
    box(app, "Question").set_value("Who flies?")
    press(app, "Save")
    assert "Give a right answer" in texts(app)
    box(app, "The documents do not answer it").set_value(True).run()
    assert not [one for one in app.text_area if "Right answers" in one.label]
    press(app, "Save")
    (suite,) = desk.suites.list()
    assert desk.suites.cases(suite.suite_id)[0].values["answerable"] is False
    assert "not in the documents" in " ".join(one.label for one in app.expander)


def test_what_is_written_is_kept_while_another_section_is_shown(app: AppTest) -> None:
    make_suite(app)
    write(app, "How many days?").run()
    turn_to(app, "Runs")
    turn_to(app, "Suites")
    assert box(app, "Question").value == "How many days?"
    assert box(app, "Right answers").value == "25 days"
    press(app, "Cancel")
    assert "It holds no question yet" in texts(app)


def picking(monkeypatch: pytest.MonkeyPatch, picked: object) -> None:
    """Have the browser tell, once, that something was selected in the text."""
    told = iter([picked])

    def draw(*, key: str, on_picked_change: Callable[[], None], **_options: object) -> None:
        for one in told:
            st.session_state[key] = SimpleNamespace(picked=one)
            on_picked_change()

    def component(_name: str):  # type: ignore[no-untyped-def]  # as `scripted_component`
        return draw

    monkeypatch.setattr(passage_picker, "scripted_component", component)


def test_a_passage_is_selected_in_the_text_of_a_page(
    app: AppTest, opened: Resources, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_suite(app)
    write(app, "How many days?")
    assert "None yet. Select where the answer stands" in texts(app)
    assert app.get("bidi_component")
    leave = document_id(opened, "leave.md")
    text = opened.catalog.document(leave, OPERATOR).pages[0].text
    start = text.index(LEAVE)
    picking(monkeypatch, {"start": start, "end": start + len(LEAVE), "text": LEAVE})
    box(app, "Document").set_value(leave).run()
    app.run()
    assert not app.exception
    assert f"“{LEAVE}”" in texts(app)
    press(app, "Use the whole page")
    assert "The whole page." in texts(app)
    press(app, "Remove", nth=1)
    press(app, "Save")
    (suite,) = desk.suites.list()
    (case,) = desk.suites.cases(suite.suite_id)
    assert case.values["evidence"] == [{"document": "leave.md", "page": None, "quote": LEAVE}]
    press(app, "Edit")
    assert f"“{LEAVE}”" in texts(app)


def test_a_selection_is_kept_until_it_is_looked_at(
    app: AppTest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_suite(app)
    write(app, "How many days?")
    picking(monkeypatch, WHOLE_PAGE)
    app.run()  # as one that the press of Save ends before it comes to the passages
    assert state_of(app).draft.passages == []
    press(app, "Save")
    (suite,) = desk.suites.list()
    (case,) = desk.suites.cases(suite.suite_id)
    assert len(case.values["evidence"]) == 1


@pytest.mark.parametrize(
    ("picked", "said"),
    [
        ({"start": 0, "end": 3, "text": "???"}, "says something else by now"),
        ({"start": "x"}, "could be understood"),
        (["nonsense"], "could be understood"),
    ],
)
def test_a_selection_that_is_not_there_is_said(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, picked: object, said: str
) -> None:
    make_suite(app)
    press(app, "Add a question")
    picking(monkeypatch, picked)
    app.run().run()
    assert not app.exception
    assert said in texts(app)
    assert state_of(app).draft.passages == []


def test_pages_are_found_by_their_words(app: AppTest, opened: Resources) -> None:
    make_suite(app)
    press(app, "Add a question")
    app.run()
    opened_first = opened.catalog.audit.entries(action=AuditAction.OPENED, limit=9)
    assert len(opened_first) == 1  # the first document stands there to be picked from
    box(app, "Find the document").set_value("handbook").run()
    pages = box(app, "Page (")
    assert pages.label == "Page (6 of 6)"
    box(app, "Only pages with").set_value("full SALARY ten weeks").run()
    assert box(app, "Page (").options == ["Page 3"]
    box(app, "Only pages with").set_value("helicopter").run()
    assert "No page has all of these words" in texts(app)
    box(app, "Find the document").set_value("nothing like this").run()
    assert "No document of the collection fits" in texts(app)


def test_an_import_is_told_and_undone_and_a_bad_file_says_its_line(
    app: AppTest, stored: StoredSuite, desk: Desk
) -> None:
    app.run()
    app.file_uploader[0].set_value(("own.csv", CSV + b"Who flies?,,,\n", "text/csv")).run()
    assert not app.exception
    assert "own is ready: version 2, 2 questions." in texts(app)
    press(app, "Undo")
    assert desk.suites.suite(stored.suite_id).latest.n_cases == 1
    app.file_uploader[0].set_value(("bad.jsonl", b"{}\n{", "text/plain")).run()
    assert "bad.jsonl, line 1: id: Field required" in texts(app)
    assert [one.name for one in desk.suites.list()] == ["own"]


def test_an_undo_after_somebody_elses_change_is_refused(
    app: AppTest, stored: StoredSuite, desk: Desk
) -> None:
    app.run()
    app.file_uploader[0].set_value(("own.csv", CSV + b"Who flies?,,,\n", "text/csv")).run()
    desk.suites.remove_case(stored.suite_id, "3")
    press(app, "Undo")
    assert "changed meanwhile" in texts(app)
    assert desk.suites.suite(stored.suite_id).latest.ordinal == 3


def test_questions_are_searched_and_paged(app: AppTest, desk: Desk) -> None:
    rows = b"".join(b"What is rule %d?,%d pounds,,\n" % (n, n) for n in range(1, 23))
    desk.suites.import_file("many.csv", CSV + rows, "documents")
    press(app.run(), "many")
    assert "1 to 20 of 23" in texts(app)
    press(app, "Next")
    assert "21 to 23 of 23" in texts(app)
    box(app, "Search the questions").set_value("RULE 22?").run()
    assert [one.label for one in app.expander if "rule" in one.label] == ["What is rule 22?"]
    box(app, "Search the questions").set_value("helicopter").run()
    assert "No question fits" in texts(app)


def test_a_suite_is_deleted_with_confirmation(
    app: AppTest, stored: StoredSuite, desk: Desk
) -> None:
    press(app.run(), "own")
    press(app, "Delete it")
    assert "own was deleted." in texts(app)
    assert desk.suites.list() == ()


def test_a_suite_that_was_deleted_in_another_tab_says_so(
    app: AppTest, stored: StoredSuite, desk: Desk
) -> None:
    press(app.run(), "own")
    desk.suites.delete(stored.suite_id)
    app.run()
    assert not app.exception
    assert "The suite was deleted, or you may not see it" in texts(app)


def test_a_suite_is_asked_from_its_page(app: AppTest, stored: StoredSuite) -> None:
    press(app.run(), "own")
    press(app, "Ask it")
    assert box(app, "Suite").value == "documents/own"
    assert "Ask 1 question" in [one.label for one in app.button]


def test_an_empty_suite_cannot_be_asked(app: AppTest, desk: Desk) -> None:
    desk.suites.add("new", "documents")
    press(app.run(), "new")
    assert next(one for one in app.button if one.label == "Ask it").disabled
    turn_to(app, "Runs")
    box(app, "Suite").set_value("documents/new").run()
    assert "holds no case; add some first" in texts(app)


def test_earlier_uploads_are_offered(app: AppTest, opened: Resources, desk: Desk) -> None:
    folder = suites_root(opened.data_dir)
    folder.mkdir(parents=True)
    (folder / "old.csv").write_bytes(CSV)
    (folder / "gone.csv").write_bytes(CSV)
    app.run()
    assert "Uploaded earlier." in texts(app)
    press(app, "Move it there", nth=1)
    assert "old is ready: version 1, 1 question." in texts(app)
    press(app, "Delete")
    assert "gone.csv was deleted." in texts(app)
    assert desk.suites.earlier_files() == ()


def test_who_reads_no_collection_as_a_whole_is_told_so(
    opened: Resources, desk: Desk, stored: StoredSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant.access import Role
    from ui.web import sessions

    opened.catalog.edit_people("test").add_user("max", role=Role.EVALUATOR)
    secret = opened.accounts.use_link(
        opened.accounts.make_link("max", by="test"), password=None, browser="", address=""
    )
    monkeypatch.setattr(sessions, "browser_secret", lambda: secret)
    app = turn_to(AppTest.from_function(_script, default_timeout=END_S).run(), "Suites")
    assert "no collection that you may read as a whole" in texts(app)
    assert "own" not in [one.label for one in app.button]
