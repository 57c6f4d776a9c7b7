from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from assistant.access import OPERATOR
from assistant.errors import AssistantError
from assistant.store.types import Feedback
from assistant.store.writer import open_writer
from ui.web import sessions
from ui.web.components.reply import GONE
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.server import SCRIPT

END_S = 60
QUESTION = "How many days of annual leave do employees receive?"


@pytest.fixture
def app(desk: Desk) -> AppTest:
    return AppTest.from_file(str(SCRIPT), default_timeout=END_S).run()


def ask(app: AppTest, question: str) -> AppTest:
    """Ask in the page's box and draw it again once the answer is there."""
    app.chat_input[0].set_value(question).run()
    join_answers()
    return app.run()


def join_answers() -> None:
    """Wait until every question has its end."""
    for thread in threading.enumerate():
        if thread.name == "answer":
            thread.join(END_S)


def texts(app: AppTest) -> str:
    return "\n".join(str(item.value) for item in (*app.markdown, *app.caption, *app.warning))


def button(app: AppTest, label: str):  # type: ignore[no-untyped-def]  # AppTest's own type
    return next(one for one in app.button if label in one.label)


def test_first_page_suggests_questions(app: AppTest) -> None:
    assert not app.exception
    assert app.title[0].value == "What would you like to know?"
    assert len([one for one in app.button if one.key and one.key.startswith("suggestion")]) == 3


def test_ask_shows_the_answer_with_chips_that_open_its_source(app: AppTest) -> None:
    ask(app, QUESTION)
    assert not app.exception
    assert "Employees receive 25 days of annual leave" in texts(app)
    chip = next(one for one in app.button if one.key and "-cite-0" in one.key)
    assert "leave" in chip.label
    assert f"[:blue-background[1]](#{chip.key} " in texts(app)
    chip.click().run()
    assert not app.exception
    assert ":orange-background[Employees receive 25 days of annual leave\\.]" in texts(app)
    button(app, "Close").click().run()
    assert ":orange-background" not in texts(app)


def test_the_same_question_is_answered_from_memory_until_it_is_asked_anew(app: AppTest) -> None:
    ask(app, QUESTION)
    assert "Given again" not in texts(app)
    ask(app, QUESTION)
    assert not app.exception
    assert texts(app).count("Employees receive 25 days of annual leave") > 1
    assert texts(app).count("Given again") == 1
    button(app, "Answer again").click().run()
    join_answers()
    app.run()
    assert not app.exception
    assert len([one for one in app.chat_message if one.name == "assistant"]) == 3
    assert texts(app).count("Given again") == 1


def test_follow_up_shows_how_it_was_understood(app: AppTest) -> None:
    ask(app, QUESTION)
    ask(app, "When does it expire?")
    assert not app.exception
    assert "Understood as" in texts(app)


def test_question_without_an_answer_shows_what_came_nearest(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stand-in has an answer to everything; nothing is sure enough here.
    monkeypatch.setattr("assistant.confidence.Calibration.confidence", lambda *_: -1.0)
    ask(app, "What is the hotel limit?")
    assert not app.exception
    assert "The documents do not say" in texts(app)
    assert "I looked for: What is the hotel limit" in texts(app)
    assert "The hotel limit is 120 euros a night" in texts(app)
    assert any("travel" in one.proto.label for one in app.get("page_link"))


def test_conversation_is_there_again_after_a_reload(app: AppTest) -> None:
    ask(app, QUESTION)
    again = AppTest.from_file(str(SCRIPT), default_timeout=END_S).run()
    assert "25 days" not in texts(again)
    button(again, "How many days").click().run()
    assert "25 days" in texts(again)
    button(again, "New conversation").click().run()
    assert again.title[0].value == "What would you like to know?"


def test_question_asked_twice_is_listed_twice_with_its_times(app: AppTest, desk: Desk) -> None:
    ask(app, QUESTION)
    listed = [one.label for one in app.sidebar.button]
    assert ":small[" not in "".join(listed)
    button(app, "New conversation").click().run()
    ask(app, QUESTION)
    assert not app.exception
    latest = [one.label for one in app.sidebar.button if one.label.startswith("How many days")]
    assert len(latest) == 2
    assert all(":small[" in label for label in latest)
    assert [one.value for one in app.sidebar.caption] == ["Today"]
    first = desk.conversations.list()[-1]
    next(one for one in app.button if one.key == f"conversation-{first.conversation_id}").click()
    app.run()
    assert app.query_params["conversation"] == first.conversation_id


def test_address_names_the_conversation_and_opens_it_again(app: AppTest) -> None:
    ask(app, QUESTION)
    named = app.query_params["conversation"]
    again = AppTest.from_file(str(SCRIPT), default_timeout=END_S)
    again.query_params["conversation"] = named
    assert "25 days" in texts(again.run())
    button(again, "New conversation").click().run()
    assert again.title[0].value == "What would you like to know?"
    assert "conversation" not in again.query_params


def test_address_of_nobodys_conversation_shows_the_first_page(app: AppTest) -> None:
    app.query_params["conversation"] = "made up"
    app.run()
    assert not app.exception
    assert app.title[0].value == "What would you like to know?"
    assert "conversation" not in app.query_params


def test_neighbours_of_a_source_are_a_click_away(app: AppTest) -> None:
    ask(app, QUESTION)
    next(one for one in app.button if one.key and "-cite-0" in one.key).click().run()
    assert "Source 1 of" in texts(app)
    assert button(app, "Previous").disabled


def test_question_that_is_refused_says_why(app: AppTest) -> None:
    ask(app, "?" * 10)
    assert "the question is empty" in texts(app)


def test_suggestion_is_asked_with_a_click(app: AppTest, desk: Desk) -> None:
    next(one for one in app.button if one.key == "suggestion-0").click().run()
    join_answers()
    app.run()
    assert not app.exception
    (conversation,) = desk.conversations.list()
    assert conversation.n_turns == 1


def test_feedback_is_stored(app: AppTest, desk: Desk) -> None:
    ask(app, QUESTION)
    app.feedback[0].set_value(1).run()
    (conversation,) = desk.conversations.list()
    (turn,) = desk.conversations.turns(conversation.conversation_id)
    assert turn.feedback is Feedback.HELPFUL


def test_answer_stays_in_the_conversation_it_was_asked_in(
    app: AppTest, desk: Desk, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(app, QUESTION)
    first = app.query_params["conversation"]
    button(app, "New conversation").click().run()
    go_on = threading.Event()
    real = opened.answers.result()

    class Waiting:
        def ask(self, *args: object, **named: object) -> object:
            assert go_on.wait(END_S)
            return real.ask(*args, **named)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(opened.answers, "result", Waiting)
    app.chat_input[0].set_value("What is the hotel limit?").run()
    assert "hotel limit" in texts(app)
    button(app, "How many days").click().run()
    assert not app.exception
    assert "25 days" in texts(app)
    assert "What is the hotel limit" not in texts(app)
    assert "Another conversation is being answered" in app.info[0].value
    assert app.chat_input[0].disabled
    go_on.set()
    join_answers()
    app.run()
    assert app.query_params["conversation"] == first
    assert not app.info
    assert not app.chat_input[0].disabled
    assert [one.n_turns for one in desk.conversations.list()] == [1, 1]


def test_failure_in_another_conversation_names_its_question(
    app: AppTest, opened: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(app, QUESTION)
    button(app, "New conversation").click().run()
    go_on = threading.Event()

    class Failing:
        def ask(self, *_: object, **__: object) -> None:
            assert go_on.wait(END_S)
            raise AssistantError("there is no model")

    monkeypatch.setattr(opened.answers, "result", Failing)
    app.chat_input[0].set_value("What is the hotel limit?").run()
    button(app, "How many days").click().run()
    go_on.set()
    join_answers()
    app.run()
    assert "“What is the hotel limit?”: there is no model" in app.warning[0].value.replace("\\", "")


def test_sentence_of_a_deleted_document_says_why_it_is_gone(
    app: AppTest, opened: Resources
) -> None:
    ask(app, QUESTION)
    with open_writer(opened.data_dir) as writer:
        for one in opened.catalog.find_documents(OPERATOR, text="leave", limit=9).documents:
            writer.delete_document(one.document_id)
    app.run()
    assert not app.exception
    assert "25 days" not in texts(app)
    assert GONE in texts(app)
    chip = next(one for one in app.button if one.key and "-cite-0" in one.key)
    assert "removed document" in chip.label


def test_an_empty_corpus_links_to_the_documents(app: AppTest, opened: Resources) -> None:
    with open_writer(opened.data_dir) as writer:
        for one in opened.catalog.list_documents(OPERATOR):
            writer.delete_document(one.document_id)
    app.run()
    assert "There are no documents yet" in app.info[0].value
    assert [one.proto.label for one in app.get("page_link")] == ["Add documents"]


def test_tab_watch_asks_the_server_for_its_own_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = {"tab 1"}
    runtime = SimpleNamespace(is_active_session=connected.__contains__)
    monkeypatch.setattr(sessions.Runtime, "exists", lambda: True)
    monkeypatch.setattr(sessions.Runtime, "instance", lambda: runtime)
    context = SimpleNamespace(session_id="tab 1")
    monkeypatch.setattr(sessions, "get_script_run_ctx", lambda: context)
    is_watched = sessions.tab_watch()
    assert is_watched()
    connected.clear()
    assert not is_watched()
    monkeypatch.setattr(sessions.Runtime, "exists", lambda: False)
    assert sessions.tab_watch()()
