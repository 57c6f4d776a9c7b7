from __future__ import annotations

import json
import logging
import sys
import threading

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from ui.web.logs import (
    ACCESS_LOG,
    REQUEST_ID,
    UNEXPECTED,
    JsonFormatter,
    RequestLogMiddleware,
    log_as_json,
    log_through_one_handler,
    log_unexpected,
)
from ui.web.security import HEADERS


async def hello(_request: Request) -> Response:
    logging.getLogger("ui.web.hello").warning("said %s", "hello")
    return PlainTextResponse("hello")


async def broken(_request: Request) -> Response:
    raise ValueError("broken")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    root, web = logging.getLogger(), logging.getLogger("ui.web")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(web, "level", web.level)
    routes = [Route("/hello", hello), Route("/broken", broken), Route("/plinth/health", hello)]
    app = RequestLogMiddleware(Starlette(routes=routes))
    return TestClient(app, raise_server_exceptions=False)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_all_lines_of_a_request_name_it(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as_json("WARNING")
    reply = client.get("/hello?q=secret")
    own, request = lines(capsys.readouterr().err)
    assert own["message"] == "said hello"
    assert own["request_id"] == request["request_id"] == reply.headers[REQUEST_ID]
    assert (request["path"], request["status"], request["method"]) == ("/hello", 200, "GET")
    assert isinstance(request["ms"], float)
    assert "secret" not in str(request)


def test_an_error_is_logged_as_one(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    log_as_json("WARNING")
    assert client.get("/broken").status_code == 500
    (request,) = lines(capsys.readouterr().err)
    assert (request["level"], request["status"]) == ("error", 500)


def test_what_ends_a_thread_is_logged_without_its_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_as_json("WARNING")

    def fails() -> None:
        words = "the salary is 5,000"
        raise ValueError(words)

    thread = threading.Thread(target=fails, name="warming")
    thread.start()
    thread.join()
    (line,) = lines(capsys.readouterr().err)
    assert line["level"] == "error"
    assert "warming" in line["message"]
    assert "ValueError" in str(line)
    assert "salary" not in str(line)


def test_health_checks_are_not_logged(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as_json("WARNING")
    logging.getLogger("ui.web.hello").disabled = True
    try:
        client.get("/plinth/health")
    finally:
        logging.getLogger("ui.web.hello").disabled = False
    assert lines(capsys.readouterr().err) == []


def test_an_error_tells_its_number_and_nothing_else(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        words = "the salary is 5,000"
        raise ValueError(words)

    log_as_json("WARNING")
    reply = TestClient(RequestLogMiddleware(fails)).get("/fails")
    assert reply.status_code == 500
    assert reply.text == UNEXPECTED.format(reply.headers[REQUEST_ID])
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
    told = capsys.readouterr().err
    error, request = lines(told)
    assert error["request_id"] == request["request_id"] == reply.headers[REQUEST_ID]
    assert "ValueError" in str(error["exception"])
    assert "5,000" not in told + reply.text


def test_the_web_server_logs_no_request_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ACCESS_LOG, "uvicorn.error"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
        monkeypatch.setattr(logger, "propagate", False)
    log_through_one_handler()
    assert not logging.getLogger(ACCESS_LOG).hasHandlers()
    assert logging.getLogger("uvicorn.error").propagate


def test_an_error_is_found_in_the_log_by_its_number(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as_json("WARNING")
    error_id = log_unexpected(logging.getLogger("ui.web.x"), "it broke", ValueError("secret"))
    (line,) = lines(capsys.readouterr().err)
    assert (line["error_id"], line["message"]) == (error_id, "it broke")
    assert "secret" not in str(line)


@pytest.mark.parametrize("level", [logging.WARNING, logging.DEBUG])
def test_an_exception_stays_on_one_line_and_keeps_its_words_to_itself(
    monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", level)
    words = "the salary\nis 5,000"
    try:
        raise ValueError(words)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]  # of levels
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)["exception"]
    assert "ValueError" in told
    assert "test_logs.py" in told
    assert ("5,000" in told) == (level == logging.DEBUG)
