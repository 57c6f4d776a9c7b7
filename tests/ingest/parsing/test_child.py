import io
import json
import queue
import subprocess
import sys

import pytest

from ingest.parsing import child, confinement
from ingest.parsing.document_json import document_from_json
from ingest.parsing.input_copy import InputCopy
from ingest.parsing.sandbox import child_environment
from ingest.settings import IngestSettings


@pytest.fixture
def path(make_text):
    return make_text("a.txt", "Twelve weeks are paid.")


def ignore(_number, _of):
    pass


def request(suffix):
    return json.dumps({"suffix": suffix, "reads_scans": True})


def test_serve_answers_in_turn_until_an_empty_request(path, limits):
    requests = queue.SimpleQueue()
    for line in (request(".txt"), request(".md"), ""):
        requests.put(line)
    replies = io.StringIO()
    child.serve(requests, replies, path, limits)
    documents = [
        document_from_json(json.loads(line)["document"]) for line in replies.getvalue().splitlines()
    ]
    assert [document.pages[0].text for document in documents] == ["Twelve weeks are paid."] * 2
    assert [document.media_type for document in documents] == ["text/plain", "text/markdown"]


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
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(child, "parse_file", fail)
    reply = json.loads(child.answer(path, ".txt", limits, ignore))
    assert reply["reason"] == reason
    assert "secret" not in reply["detail"]


def test_limit_memory_sets_the_address_space(monkeypatch):
    limits = []
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))
    confinement.limit_memory(10**9)
    assert limits[0][0] == limits[0][1] > 10**9


def test_settings_survive_the_command_line():
    settings = IngestSettings(max_parse_s=0.5)
    assert IngestSettings.model_validate_json(settings.model_dump_json()) == settings


def test_main_answers_requests_and_ends_with_its_input(path, limits):
    with (
        InputCopy() as copy,
        subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "ingest.parsing.child"),
                *(limits.model_dump_json(), str(copy.descriptor)),
            ],
            pass_fds=(copy.descriptor,),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        copy.fill(path, limits)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == child.READY
        process.stdin.write(request(".txt") + "\n")
        process.stdin.flush()
        assert "document" in json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(20) == 0
