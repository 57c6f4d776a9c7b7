import io
import json
import queue
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.parsing import child
from ingest.parsing.document_json import document_from_json
from ingest.settings import IngestSettings

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(make_text):
    return make_text("a.txt", "Twelve weeks are paid.")


def test_serve_answers_in_turn_until_an_empty_request(path, tmp_path, limits):
    requests = queue.SimpleQueue()
    for request in (json.dumps(str(path)), json.dumps(str(tmp_path)), ""):
        requests.put(request)
    replies = io.StringIO()
    child.serve(requests, replies, limits)
    first, second = map(json.loads, replies.getvalue().splitlines())
    assert document_from_json(first["document"]).pages[0].text == "Twelve weeks are paid."
    assert second["reason"] == "unreadable"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "too_much_memory"),
        (RecursionError("secret text"), "corrupt"),
        (ZeroDivisionError("secret text"), "corrupt"),
    ],
)
def test_answer_turns_any_failure_into_a_rejection_without_document_text(
    path, limits, monkeypatch, error, reason
):
    def fail(*args):
        raise error

    monkeypatch.setattr(child, "parse_file", fail)
    reply = json.loads(child.answer(path, limits))
    assert reply["reason"] == reason
    assert "secret" not in reply["detail"]


def test_limit_memory_sets_the_address_space(monkeypatch):
    limits = []
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))
    child.limit_memory(10**9)
    assert limits[0][0] == limits[0][1] > 10**9


def test_settings_survive_the_command_line():
    settings = IngestSettings(max_parse_s=0.5)
    assert IngestSettings.model_validate_json(settings.model_dump_json()) == settings


def test_main_answers_requests_and_ends_with_its_input(path, limits):
    requests = f"{json.dumps(str(path))}\n"
    with subprocess.Popen(
        [sys.executable, "-m", "ingest.parsing.child", limits.model_dump_json()],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == child.READY
        process.stdin.write(requests)
        process.stdin.flush()
        assert "document" in json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(20) == 0
