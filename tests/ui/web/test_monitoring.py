from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from assistant.access import Role
from tests.ui.web.conftest import SignIn
from tests.ui.web.test_documents import turn_to
from ui.web.answering import AnswerProgress
from ui.web.desk import Desk
from ui.web.metrics import Outcome, QuestionSample
from ui.web.navigation import MONITORING
from ui.web.resources import Resources
from ui.web.server import SCRIPT
from ui.web.views.monitoring import QUANTILES, in_words, plot
from ui.web.waits import N_BUCKETS, Waits, buckets, first_word, latest, waits, whole_reply

END_S = 60


def sample(ended_s: float, total_s: float = 2.0, **changes: object) -> QuestionSample:
    values: dict[str, object] = {
        "ended_s": ended_s,
        "outcome": Outcome.ANSWERED,
        "first_word_s": total_s / 2,
        "total_s": total_s,
        "from_memory": False,
    }
    return QuestionSample(**{**values, **changes})  # type: ignore[arg-type]


def test_page_says_that_nothing_was_asked_yet(desk: Desk) -> None:
    app = turn_to(AppTest.from_file(str(SCRIPT), default_timeout=END_S).run(), MONITORING)
    assert not app.exception
    assert app.title[0].value == "Monitoring"
    assert "No question has ended in this time" in app.info[0].value
    assert {one.label: one.value for one in app.metric}["Answering"] == "0"


def test_page_says_how_long_people_waited(opened: Resources, desk: Desk) -> None:
    for seconds in (1.0, 2.0, 3.0):
        opened.metrics.note_question(AnswerProgress(question="Why?", error="no", elapsed_s=seconds))
    app = turn_to(AppTest.from_file(str(SCRIPT), default_timeout=END_S).run(), MONITORING)
    said = [one.value for one in app.markdown]
    assert "3 questions: 3 failed." in said
    assert "**To the end of the reply**: of no question" in said


@pytest.mark.parametrize("role", [Role.EMPLOYEE, Role.EVALUATOR])
def test_page_is_for_admins(sign_in: SignIn, role: Role) -> None:
    sign_in("ann", role)
    app = turn_to(AppTest.from_file(str(SCRIPT), default_timeout=END_S).run(), MONITORING)
    assert "Monitoring" not in [one.value for one in app.title]


def test_quantiles_leave_out_what_was_not_waited_for() -> None:
    samples = [
        sample(1, 1.0),
        sample(2, 3.0),
        sample(3, 99.0, from_memory=True),
        sample(4, 99.0, outcome=Outcome.STOPPED, first_word_s=None),
        sample(5, 99.0, outcome=Outcome.FAILED, first_word_s=None),
        sample(6, 5.0, outcome=Outcome.ABSTAINED, first_word_s=None),
    ]
    assert waits(samples, whole_reply) == Waits(n=3, p50=3.0, p95=pytest.approx(4.8))
    assert waits(samples, first_word) == Waits(n=2, p50=1.0, p95=pytest.approx(1.45))
    assert waits(samples[2:5], whole_reply) is None
    assert latest(samples, 5) == samples[4:]


def test_buckets_are_equal_parts_of_the_time_in_which_somebody_waited() -> None:
    samples = [sample(-1.0, 9.0), sample(0.0, 1.0), sample(0.9, 3.0), sample(24.0, 7.0)]
    found = buckets(samples, whole_reply, since_s=0.0, until_s=float(N_BUCKETS))
    assert [(one.from_s, one.waits.n, one.waits.p50) for one in found] == [
        (0.0, 2, 2.0),
        (23.0, 1, 7.0),
    ]
    spec = plot(found, 0.0, 24.0)
    *rows, first, last = spec["data"]["values"]
    assert [(row["at"], row["seconds"]) for row in (first, last)] == [(0.0, None), (24_000.0, None)]
    assert [(row["at"], row["of"]) for row in rows] == [
        (0.0, QUANTILES[0]),
        (0.0, QUANTILES[1]),
        (23_000.0, QUANTILES[0]),
        (23_000.0, QUANTILES[1]),
    ]


def test_waits_are_said_in_words() -> None:
    said = in_words(Waits(n=9, p50=0.54, p95=2.06))
    assert said == "half within 0.5 s, 19 of 20 within 2.1 s"
