"""The generator with its process: starting, cancelling, crashing, ending."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models import backoff
from models.errors import (
    GeneratorCrashedError,
    GeneratorPausedError,
    ModelError,
    ModelFileError,
)
from models.llama import child, children
from models.llama.client import LlamaGenerator
from models.types import FinishReason, GenerationRequest, Prompt
from tests.models.llama.conftest import CONTEXT_TOKENS
from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 20
SHORT = GenerationRequest(
    prompt=Prompt(head="Be brief.", passages=(), question="Count from one to five."), max_tokens=8
)
STORY = replace(
    SHORT,
    prompt=Prompt(head="You write.", passages=(), question="Write a very long story of a fox."),
    max_tokens=300,
)
LONG = replace(SHORT, prompt=replace(SHORT.prompt, question="Count up to 500."), max_tokens=500)

ORPHAN = """
import sys, threading
from pathlib import Path
from models.llama.client import LlamaGenerator
from models.types import GenerationRequest, Prompt
generator = LlamaGenerator(
    model_path=Path(sys.argv[1]), name="m", sha256="", prompt_format="chatml",
    context_tokens=1024, threads=1,
)
prompt = Prompt(head="Be brief.", passages=(), question="Count up to 500.")
stream = generator.stream(GenerationRequest(prompt=prompt, max_tokens=900))
next(iter(stream))
print(generator.process_id, flush=True)
threading.Event().wait()
"""


def build(path: Path, **changes: object) -> LlamaGenerator:
    options: dict[str, object] = {
        "model_path": path,
        "name": "small",
        "sha256": "ab" * 32,
        "prompt_format": "chatml",
        "context_tokens": CONTEXT_TOKENS,
        "threads": 0,
    }
    return LlamaGenerator(**(options | changes))  # type: ignore[arg-type]


def running_pid(generator: LlamaGenerator) -> int:
    pid = generator.process_id
    assert pid is not None
    return pid


def kill_and_wait(pid: int, killed: int | None = None) -> None:
    """Kill `killed`, else `pid`; return when `pid` is gone."""
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid if killed is None else killed, signal.SIGKILL)
        readable, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
    finally:
        os.close(descriptor)
    assert readable, f"process {pid} still runs after {TIMEOUT_S} s"


@pytest.fixture(scope="module")
def generator(model_path: Path) -> Iterator[LlamaGenerator]:
    with build(model_path) as generator:
        yield generator


def test_info_needs_no_process_and_no_file(tmp_path: Path) -> None:
    with build(tmp_path / "none.gguf") as generator:
        assert generator.info.name == "small"
        assert generator.info.sha256 == "ab" * 32
        assert generator.info.context_tokens == CONTEXT_TOKENS
        assert generator.process_id is None


@pytest.mark.parametrize(
    "change", [{"sha256": "cd" * 32}, {"prompt_format": "llama3"}, {"context_tokens": 512}]
)
def test_fingerprint_changes_with_what_changes_output(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "none.gguf"
    same = build(path, threads=1).info.fingerprint
    assert build(path, threads=2, parallel=4).info.fingerprint == same
    assert build(path, **change).info.fingerprint != same


def test_unknown_prompt_format_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="'alpaca'"):
        build(tmp_path / "none.gguf", prompt_format="alpaca")


def test_missing_file_fails_every_request_with_its_path(tmp_path: Path) -> None:
    with build(tmp_path / "none.gguf") as generator:
        for _ in range(2):
            with pytest.raises(ModelFileError, match=r"none\.gguf.*no such file"):
                generator.stream(SHORT).result()
        with pytest.raises(ModelFileError, match=r"none\.gguf.*no such file"):
            generator.count_tokens(["text"])
        assert generator.process_id is None


def test_failed_stream_raises_again_when_asked_again(tmp_path: Path) -> None:
    with build(tmp_path / "none.gguf") as generator:
        stream = generator.stream(SHORT)
        for _ in range(2):
            with pytest.raises(ModelFileError):
                stream.result()


@pytest.mark.parametrize("half_a_reply", ["", '{"type": "rea'])
def test_process_that_ends_while_opening_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half_a_reply: str
) -> None:
    program = tmp_path / "python"
    script = f"#!/bin/sh\nprintf '%s' '{half_a_reply}'\necho no luck >&2\nexit 3\n"
    program.write_text(script, encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with (
        build(tmp_path / "none.gguf") as generator,
        pytest.raises(GeneratorCrashedError, match=r"exit code 3.*no luck"),
    ):
        generator.stream(SHORT).result()


def test_processes_that_die_young_are_started_ever_later_and_requests_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, starts = tmp_path / "python", tmp_path / "starts"
    program.write_text(f"#!/bin/sh\necho >> {starts}\nexit 3\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(children, "PATIENCE_S", 0.05)
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.02)
    deaths: list[str] = []
    with build(tmp_path / "none.gguf", on_death=deaths.append) as generator:
        for _ in range(3):  # the pauses after them: 0.02, 0.04 and 0.08 s
            with pytest.raises(GeneratorCrashedError):
                generator.stream(SHORT).result()
        for _ in range(20):  # no process is started for any of these
            with pytest.raises(GeneratorPausedError, match=r"died 3 times in a row.*ask again"):
                generator.stream(SHORT).result()
            monkeypatch.setattr(children, "PATIENCE_S", 0.0)
    assert len(starts.read_text(encoding="ascii")) == 3
    assert len(deaths) == 3
    assert deaths[-1].endswith("ended with exit code 3; the next one is started after 0.08 s")


def test_close_ends_the_wait_for_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(children, "PATIENCE_S", 1000.0)
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 500.0)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE_S", 500.0)
    generator = build(tmp_path / "none.gguf")
    with pytest.raises(GeneratorCrashedError):
        generator.stream(SHORT).result()
    waiting = generator.stream(SHORT)
    generator.close()
    with pytest.raises(ModelError, match="closed"):
        waiting.result()


def test_process_that_cannot_be_started_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with (
        build(tmp_path / "none.gguf") as generator,
        pytest.raises(GeneratorCrashedError, match="cannot start"),
    ):
        generator.count_tokens(["text"])


def test_fault_in_the_process_is_told_on_stderr() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "models.llama.process"],
        input=b'{"type": "count", "id": 1, "texts": []}\n',
        cwd=PROJECT,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"ValueError: the first message is 'count'" in done.stderr


@pytest.mark.model
class TestRealModel:
    def test_prompt_format_of_another_model_is_refused(self, model_path: Path) -> None:
        with (
            build(model_path, prompt_format="llama3") as generator,
            pytest.raises(ModelFileError, match=r"'llama3'.*no control token"),
        ):
            generator.stream(SHORT).result()

    def test_first_request_starts_the_process(self, model_path: Path) -> None:
        with build(model_path) as generator:
            assert generator.process_id is None
            generator.count_tokens(["text"])
            assert generator.process_id is not None

    def test_process_forgets_a_conversation_but_not_the_instruction(
        self, generator: LlamaGenerator
    ) -> None:
        said = ("User: Hello.", "Assistant: Hello.")
        prompt = Prompt(head="You greet.", passages=said, question="And now?", grows=True)
        asked = replace(SHORT, prompt=prompt)
        first, warm = (generator.stream(asked).result() for _ in range(2))
        generator.forget()
        again = generator.stream(asked).result()
        assert warm.prompt_tokens_computed < again.prompt_tokens_computed
        assert again.prompt_tokens_computed < first.prompt_tokens_computed
        assert again.text == first.text

    def test_count_tokens_does_not_wait_for_a_running_generation(
        self, generator: LlamaGenerator
    ) -> None:
        stream = generator.stream(LONG)
        next(iter(stream))
        assert generator.count_tokens(["one two", ""]) == (2, 0)
        stream.cancel()
        assert stream.result().finish_reason is FinishReason.CANCELLED

    def test_cancel_of_a_waiting_stream_ends_it_before_the_running_one(
        self, generator: LlamaGenerator
    ) -> None:
        running, waiting, last = (generator.stream(r) for r in (LONG, SHORT, SHORT))
        next(iter(running))
        waiting.cancel()
        assert waiting.result().finish_reason is FinishReason.CANCELLED
        assert waiting.result().text == ""
        running.cancel()
        assert running.result().completion_tokens < LONG.max_tokens
        assert last.result().finish_reason is not FinishReason.CANCELLED

    def test_late_cancel_of_an_ended_stream_spares_the_running_one(
        self, generator: LlamaGenerator
    ) -> None:
        ended = generator.stream(SHORT)
        whole = ended.result().text
        running = generator.stream(SHORT)
        ended.cancel()
        assert running.result().text == whole

    def test_interrupt_from_the_terminal_leaves_the_process_alone(
        self, generator: LlamaGenerator
    ) -> None:
        whole = generator.stream(SHORT).result().text
        os.kill(running_pid(generator), signal.SIGINT)
        assert generator.stream(SHORT).result().text == whole

    def test_killed_process_costs_nobody_the_answer(self, model_path: Path) -> None:
        deaths: list[str] = []
        with build(model_path, on_death=deaths.append) as generator:
            whole, story = generator.stream(SHORT).result(), generator.stream(STORY).result()
            running, waiting = generator.stream(STORY), generator.stream(SHORT)
            pieces = [next(iter(running))]
            pid = running_pid(generator)
            kill_and_wait(pid)
            pieces += running
            # Nothing is said twice, and all of it is there.
            assert "".join(pieces) == story.text == running.result().text
            assert waiting.result().text == whole.text
            assert running_pid(generator) != pid
        assert deaths == [
            f"the generator's process {pid} ended with signal SIGKILL; the next one is started "
            "after 1 s"
        ]

    def test_killed_process_costs_no_request_under_way_or_waiting(self, model_path: Path) -> None:
        with build(model_path, parallel=2) as generator:
            whole = generator.stream(SHORT).result().text
            running = [generator.stream(STORY) for _ in range(2)]
            waiting = generator.stream(SHORT)
            for stream in running:
                next(iter(stream))
            kill_and_wait(running_pid(generator))
            for stream in running:
                next(iter(stream))
                stream.cancel()
                assert stream.result().finish_reason is FinishReason.CANCELLED
            assert waiting.result().text == whole

    def test_request_that_two_processes_die_at_fails(
        self, model_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.01)
        with build(model_path) as generator:
            running, waiting = generator.stream(STORY), generator.stream(SHORT)
            pieces = iter(running)
            next(pieces)
            kill_and_wait(first := running_pid(generator))
            wait_until(lambda: generator.process_id not in (None, first))
            kill_and_wait(second := running_pid(generator))
            with pytest.raises(GeneratorCrashedError, match=f"{second} ended with signal SIGKILL"):
                running.result()
            assert waiting.result().completion_tokens

    def test_request_is_cancelled_also_while_the_next_process_starts(
        self, model_path: Path
    ) -> None:
        with build(model_path) as generator:
            running = generator.stream(STORY)
            said = next(iter(running))
            pid = running_pid(generator)
            os.kill(pid, signal.SIGSTOP)  # it never hears of it
            running.cancel()
            kill_and_wait(pid)
            assert running.result().finish_reason is FinishReason.CANCELLED
            assert running.result().text.startswith(said)
            assert generator.count_tokens(["one two"]) == (2,)

    def test_two_at_a_time_stream_side_by_side_and_are_cancelled_each_alone(
        self, model_path: Path
    ) -> None:
        with build(model_path, parallel=2) as generator:
            whole = generator.stream(SHORT).result().text
            first, second = generator.stream(STORY), generator.stream(STORY)
            next(iter(first))
            next(iter(second))
            short = generator.stream(SHORT)
            first.cancel()
            assert first.result().finish_reason is FinishReason.CANCELLED
            assert short.result().text == whole
            next(iter(second))
            second.cancel()
            assert second.result().finish_reason is FinishReason.CANCELLED
            assert second.result().completion_tokens < STORY.max_tokens

    def test_close_fails_all_that_run_at_a_time(self, model_path: Path) -> None:
        generator = build(model_path, parallel=3)
        streams = [generator.stream(STORY) for _ in range(3)]
        for stream in streams:
            next(iter(stream))
        generator.close()
        for stream in streams:
            with pytest.raises(ModelError, match="closed"):
                stream.result()

    def test_process_killed_while_idle_is_replaced_unnoticed(
        self, generator: LlamaGenerator
    ) -> None:
        whole = generator.stream(SHORT).result().text
        kill_and_wait(running_pid(generator))
        assert generator.process_id is None
        assert generator.count_tokens(["one two"]) == (2,)
        assert generator.stream(SHORT).result().text == whole

    def test_close_fails_what_runs_and_what_waits(self, model_path: Path) -> None:
        generator = build(model_path)
        running, waiting = generator.stream(LONG), generator.stream(SHORT)
        next(iter(running))
        pid = running_pid(generator)
        generator.close()
        for stream in (running, waiting):
            with pytest.raises(ModelError, match="closed"):
                stream.result()
        with pytest.raises(ModelError, match="closed"):
            generator.count_tokens(["text"])
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_close_kills_a_process_that_does_not_listen(
        self, model_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(child, "_CLOSE_TIMEOUT_S", 0.05)
        with build(model_path) as generator:
            generator.count_tokens(["text"])
            pid = running_pid(generator)
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_process_ends_with_its_parent_even_while_it_generates(self, model_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", ORPHAN, str(model_path)], cwd=PROJECT, stdout=subprocess.PIPE
        ) as parent:
            assert parent.stdout is not None
            orphan = int(parent.stdout.readline())
            kill_and_wait(orphan, killed=parent.pid)


def test_folder_named_models_where_the_user_is_does_not_shadow_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit(7)", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    with (
        build(tmp_path / "none.gguf") as generator,
        pytest.raises(ModelFileError, match="no such file"),
    ):
        generator.count_tokens(["text"])
