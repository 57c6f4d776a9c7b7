from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from assistant.access import Role
from assistant.store.review_types import Problem, ReviewOutcome
from assistant.store.types import AuditAction
from tests.ui.web.conftest import SignIn
from tests.ui.web.test_ask import QUESTION, ask
from tests.ui.web.test_suites import CSV, LEAVE
from tests.ui.web.test_suites_page import box, press, texts, turn_to
from ui.web.components.feedback import SHARED
from ui.web.components.review_queue import draft_of
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.server import SCRIPT

END_S = 60
NOTE = "It forgets the *carry-over*."


def _script() -> None:
    from ui.web.views import evaluate

    evaluate.draw()


@pytest.fixture
def ann(opened: Resources, sign_in: SignIn) -> Desk:
    """Somebody who asks and reads `documents`."""
    editor = opened.catalog.edit_people("test")
    editor.add_group("staff")
    editor.grant("documents", "staff")
    return sign_in("ann", Role.EMPLOYEE, ("staff",))


@pytest.fixture
def asked(ann: Desk) -> AppTest:
    """Her page Ask, with an answer that she finds unhelpful."""
    app = ask(AppTest.from_file(str(SCRIPT), default_timeout=END_S).run(), QUESTION)
    app.feedback[0].set_value(0).run()
    assert not app.exception
    return app


def pills(app: AppTest):  # type: ignore[no-untyped-def]  # AppTest's own type
    return next(one for one in app.button_group if one.label == "What is wrong?")


def send(app: AppTest, problem: Problem = Problem.MISSING) -> AppTest:
    pills(app).set_value(problem).run()
    box(app, "Note").set_value(NOTE)
    return press(app, "Send to reviewers")


def test_what_is_wrong_is_sent_told_and_taken_back(
    asked: AppTest, ann: Desk, opened: Resources
) -> None:
    assert SHARED in texts(asked)
    assert "shown to reviewers, without your name" in SHARED
    assert next(one for one in asked.button if one.label == "Send to reviewers").disabled
    send(asked)
    assert "Sent to reviewers: **something is missing**. It waits for a reviewer." in texts(asked)
    (talk,) = ann.conversations.list()
    (turn,) = ann.conversations.turns(talk.conversation_id)
    assert turn.comment == NOTE
    press(asked, "Take it back")
    assert SHARED in texts(asked)
    send(asked)
    asked.feedback[0].set_value(1).run()
    assert SHARED not in texts(asked)
    (turn,) = ann.conversations.turns(talk.conversation_id)
    assert (turn.sent, turn.comment) == (None, "")
    actions = [one.action for one in opened.catalog.audit.entries(limit=4)]
    assert actions == [AuditAction.FEEDBACK_WITHDRAWN, AuditAction.FEEDBACK_SENT] * 2


def test_a_thumb_alone_is_sent_to_nobody(asked: AppTest, opened: Resources, desk: Desk) -> None:
    assert desk.reviews.queue() == ()


def reviewing(asked: AppTest, sign_in: SignIn, *groups: str) -> tuple[Desk, AppTest]:
    """Send the feedback, and open it as a reviewer of some groups."""
    send(asked)
    reviewer = sign_in("eva", Role.EVALUATOR, groups)
    app = turn_to(AppTest.from_function(_script, default_timeout=END_S).run(), "Feedback")
    assert "Feedback (1)" in str(next(o for o in app.button_group if o.label == "Section").proto)
    press(app, QUESTION)
    return reviewer, app


def test_a_reviewer_makes_a_question_of_it_with_its_trail(asked: AppTest, sign_in: SignIn) -> None:
    reviewer, app = reviewing(asked, sign_in, "staff")
    assert "“Something is missing”, sent on" in texts(app)
    assert LEAVE in texts(app)
    assert NOTE in texts(app)
    assert "ann" not in texts(app).split()
    press(app, "Take it")
    assert "taken by eva" in texts(app)
    assert "There is no suite that you may see" in texts(app)
    reviewer.suites.add("own", "documents")
    press(app.run(), "Write it")
    assert box(app, "Question").value == QUESTION
    assert NOTE in texts(app)
    box(app, "Right answers").set_value("25 days, 5 of them carried over")
    press(app, "Use the whole page")
    press(app, "Save")
    assert "The question is in documents/own, and the feedback is closed." in texts(app)
    assert "No feedback waits" in texts(app)
    assert "made a question (feedback-1 of documents/own) by eva" in texts(app)
    (suite,) = reviewer.suites.list()
    (case,) = reviewer.suites.cases(suite.suite_id)
    assert (case.key, case.review_id) == ("feedback-1", 1)
    turn_to(app, "Suites")
    press(app, "own")
    assert "Made of feedback 1: “Something is missing”" in texts(app)
    sign_in("ann")
    assert "A reviewer has looked at it. Thank you." in texts(asked.run())
    assert "Take it back" not in [one.label for one in asked.button]


def test_a_reviewer_who_may_not_read_the_documents_sees_none_of_their_text(
    asked: AppTest, sign_in: SignIn
) -> None:
    _, app = reviewing(asked, sign_in)
    shown = texts(app)
    assert QUESTION in shown
    assert "25 days" not in shown
    assert "leave.md" not in shown
    assert "or that you may not read, is left out" in shown


def test_feedback_is_dismissed_with_a_reason(asked: AppTest, sign_in: SignIn) -> None:
    reviewer, app = reviewing(asked, sign_in, "staff")
    press(app, "Take it")
    press(app, "Dismiss")
    assert "Say why it is dismissed" in texts(app)
    box(app, "Or dismiss it").set_value("It says so in March.")
    press(app, "Dismiss")
    assert "The feedback was dismissed." in texts(app)
    assert "dismissed by eva" in texts(app)
    (closed,) = reviewer.reviews.closed(9)
    assert (closed.outcome, closed.reason) == (ReviewOutcome.DISMISSED, "It says so in March.")
    press(app, QUESTION)  # what is closed can be read, and no more
    assert "Take it" not in [one.label for one in app.button]


def test_feedback_is_put_back_and_taken_over(asked: AppTest, sign_in: SignIn) -> None:
    _, app = reviewing(asked, sign_in, "staff")
    press(app, "Take it")
    press(app, "Put it back")
    assert "taken by" not in texts(app)
    press(app, QUESTION)
    press(app, "Take it")
    sign_in("root")
    app.run()
    assert "Dismiss" not in [one.label for one in app.button]
    press(app, "Take it over")
    assert "taken by root" in texts(app)
    assert "Dismiss" in [one.label for one in app.button]


def test_feedback_that_was_taken_back_meanwhile_is_said_to_be(
    asked: AppTest, sign_in: SignIn, ann: Desk
) -> None:
    _, app = reviewing(asked, sign_in, "staff")
    (talk,) = ann.conversations.list()
    ann.conversations.delete(talk.conversation_id)
    press(app, "Take it")
    assert "taken back by who sent it, meanwhile" in texts(app)
    assert "It was taken back, or its conversation deleted" in texts(app)


def test_the_given_answer_is_offered_where_only_its_evidence_is_wrong(
    asked: AppTest, sign_in: SignIn
) -> None:
    send(asked, Problem.EVIDENCE)
    reviewer = sign_in("eva", Role.EVALUATOR, ("staff",))
    reviewer.suites.import_file("own.csv", CSV, "documents")
    app = turn_to(AppTest.from_function(_script, default_timeout=END_S).run(), "Feedback")
    press(app, QUESTION)
    press(app, "Take it")
    press(app, "Write it")
    assert LEAVE in box(app, "Right answers").value


def test_an_answer_from_another_collection_is_not_put_into_a_suite(
    asked: AppTest, opened: Resources, sign_in: SignIn
) -> None:
    send(asked, Problem.EVIDENCE)
    opened.catalog.edit_people("test").add_collection("board")
    admin = sign_in("root")
    own, other = (admin.suites.add("own", one) for one in ("documents", "board"))
    (summary,) = admin.reviews.queue()
    review = admin.reviews.review(summary.review_id)
    assert review.reply is not None
    assert draft_of(admin.suites, own, review).answers == (review.reply["answer"],)
    assert draft_of(admin.suites, other, review).answers == ()
    assert draft_of(admin.suites, other, review).question == QUESTION
