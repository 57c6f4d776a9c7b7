from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from assistant.access import OPERATOR
from tests.ui.web.conftest import ORIGIN
from tests.waiting import wait_until
from ui.web.answering import AnswerProgress
from ui.web.desk import Desk
from ui.web.logs import RequestLogMiddleware
from ui.web.metrics import RECENT, Metrics, Outcome
from ui.web.resources import Resources
from ui.web.routes import build_routes

QUESTION = "How many days of annual leave do employees receive?"


def values(text: bytes) -> Mapping[str, float]:
    """Give every sample of the text format by its name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def asked(desk: Desk, resources: Resources, *, anew: bool = False) -> AnswerProgress:
    n_before = len(resources.metrics.recent())
    run = desk.answers.start(QUESTION, conversation_id=None, on_stored=lambda _: None, anew=anew)
    wait_until(lambda: len(resources.metrics.recent()) > n_before)
    return run.snapshot()


def test_questions_are_counted_and_timed_by_how_they_end(opened: Resources, desk: Desk) -> None:
    progress = asked(desk, opened)
    assert progress.reply is not None
    asked(desk, opened)  # from memory
    metrics = opened.metrics
    metrics.note_question(AnswerProgress(question="Why?", is_cancelled=True, elapsed_s=2.0))
    metrics.note_question(AnswerProgress(question="Why?", error="no", elapsed_s=3.0))
    found = values(metrics.text({}))
    usage = progress.reply.record.usage
    assert found["plinth_questions_total answered"] == 2
    assert found["plinth_questions_total stopped"] == 1
    assert found["plinth_questions_total failed"] == 1
    assert found["plinth_replies_from_memory_total"] == 1
    assert found["plinth_answer_seconds_count"] == 1
    assert found["plinth_first_word_seconds_count"] == 1
    assert found["plinth_prompt_tokens_total shown"] == usage.prompt_tokens > 0
    assert found["plinth_prompt_tokens_total computed"] == usage.prompt_tokens_computed
    assert found["plinth_reply_tokens_total"] == usage.completion_tokens > 0
    assert found["process_resident_memory_bytes"] > 1e6
    recent = metrics.recent()
    assert [one.outcome for one in recent] == [
        Outcome.ANSWERED,
        Outcome.ANSWERED,
        Outcome.STOPPED,
        Outcome.FAILED,
    ]
    assert [one.from_memory for one in recent] == [False, True, False, False]
    assert [one.total_s for one in recent[2:]] == [2.0, 3.0]
    assert recent[0].first_word_s == pytest.approx(progress.reply.record.timings.ttft_ms / 1000)


def test_only_the_latest_questions_are_remembered() -> None:
    metrics = Metrics()
    for number in range(RECENT + 3):
        metrics.note_question(AnswerProgress(question="Why?", error="no", elapsed_s=number))
    assert len(metrics.recent()) == RECENT
    assert metrics.recent()[0].total_s == 3


def test_no_metric_says_what_was_asked_or_by_whom(opened: Resources, desk: Desk) -> None:
    asked(desk, opened)
    text = opened.metrics.text(desk.monitoring.now().gauges()).decode()
    for secret in (QUESTION, "annual", "leave", desk.person.name, "handbook"):
        assert secret not in text


def test_requests_are_counted_by_their_status() -> None:
    metrics = Metrics()
    app = Starlette(routes=[])
    client = TestClient(RequestLogMiddleware(app, metrics.note_request), base_url=ORIGIN)
    client.get("/nowhere")
    assert values(metrics.text({}))["plinth_requests_total 4xx"] == 1


def test_metrics_say_what_is_so_now(opened: Resources) -> None:
    client = TestClient(Starlette(routes=build_routes()), base_url=ORIGIN)
    held = opened.line.ticket("ann")
    opened.line.join(held)
    assert opened.line.begin(held) is None
    reply = client.get("/plinth/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    found = values(reply.content)
    assert found["plinth_models_ready"] == 1
    assert found["plinth_worker_alive"] == 0  # it is started with the server
    assert found["plinth_questions_under_way"] == 1
    assert found["plinth_questions_waiting"] == 0
    assert found["plinth_documents"] == len(opened.catalog.list_documents(OPERATOR))
    assert found["plinth_passages"] > 3
    assert found["plinth_disk_free_bytes"] > 1e6
    opened.line.release(held, 1.0)
    assert values(client.get("/plinth/metrics").content)["plinth_questions_under_way"] == 0


def test_live_answers_whatever_the_models_do(opened: Resources) -> None:
    client = TestClient(Starlette(routes=build_routes()), base_url=ORIGIN)
    reply = client.get("/plinth/live")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
