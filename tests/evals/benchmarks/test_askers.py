from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from evals.benchmarks import chat_server
from evals.benchmarks.askers import N_ASKERS, Askers, asker_prompt, chosen, with_blocks
from evals.benchmarks.chat_server import llama_server_command
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError, OpenedGenerator, Result, Status
from models.fakes import FakeGenerator
from models.types import Block

SERVER = """
import http.server, json, sys
status, reply, log = int(sys.argv[1]), json.loads(sys.argv[2]), open(sys.argv[3], "a")

class Chat(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        log.write(body.decode() + chr(10))
        log.flush()
        self.send_response(status)
        self.end_headers()
        deltas = [{"role": "assistant"}, *({"content": text} for text in reply), {}]
        for delta in deltas:
            line = "data: " + json.dumps({"choices": [{"delta": delta}]})
            self.wfile.write(line.encode() + b"\\n\\n")
        self.wfile.write(b"data: [DONE]\\n\\n")

    def log_message(self, *_):
        pass

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Chat).serve_forever()
"""
NUMBERS = ", ".join(map(str, range(1, 60)))


class Bench:
    threads = 2

    def __init__(self, generator: FakeGenerator) -> None:
        self._generator = generator

    @contextmanager
    def open_generator(self, *, use_fitted: bool) -> Iterator[OpenedGenerator]:
        assert use_fitted
        yield OpenedGenerator(
            generator=self._generator,
            path=Path("model.gguf"),
            weights="model.gguf",
            sha256="ab" * 32,
            tensors=(),
            is_fitted=True,
            reason="because",
        )


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def run(
        *,
        status: int = 200,
        reply: Sequence[str] = tuple(map(str, range(50))),
        generator: FakeGenerator | None = None,
        command: Sequence[str] | None = None,
    ) -> Result:
        program = (SERVER, str(status), json.dumps(list(reply)), str(tmp_path / "log"))
        server = command or [sys.executable, "-c", *program]
        bench = Bench(generator or FakeGenerator(reply=NUMBERS))
        return run_benchmark(Askers(lambda *_: server), bench, tell=lambda _: None)

    return run


def test_askers_measures_both_sides_and_says_how(run: Callable[..., Result]) -> None:
    result = run()
    names = [one.quantity.name for one in result.measured]
    assert names == [
        f"{name}{of}" for of in ("", "_whole", "_saved") for name in ("tokens", "first_token")
    ]
    assert all(one.baseline > 0 and one.plinth > 0 for one in result.measured)
    # The same cold baseline stands beside both.
    assert result.measured[0].baseline == result.measured[2].baseline
    assert result.conditions["askers"] == 4
    assert "cold on both sides" in str(result.conditions["state"])


def test_askers_asks_the_server_what_it_asks_the_generator(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    run()
    bodies = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(bodies) == 1 + 5 * N_ASKERS  # one to warm up
    assert all(body["stream"] and body["temperature"] == 0 for body in bodies)
    users = [body["messages"][1]["content"] for body in bodies]
    assert len(set(users)) == len(users)
    assert len({body["messages"][0]["content"] for body in bodies}) == 1 + 5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": 500}, "said 500"),
        ({"reply": ("1", "2")}, "2 tokens"),
        ({"generator": FakeGenerator(reply="1, 2")}, "3 tokens"),
        ({"command": [sys.executable, "-c", "raise SystemExit('no luck')"]}, "no luck"),
    ],
)
def test_askers_that_cannot_be_compared_are_unmeasured(
    run: Callable[..., Result], changes: dict[str, object], says: str
) -> None:
    result = run(**changes)
    assert result.status is Status.UNMEASURED
    assert says in str(result.missing)


def test_server_that_does_not_listen_in_time_is_unmeasured(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_server, "_START_TIMEOUT_S", 0.0)
    result = run(command=[sys.executable, "-c", "input()"])
    assert "did not start" in str(result.missing)


def test_passages_that_are_not_kept_are_no_measurement(run: Callable[..., Result]) -> None:
    class Forgetful(FakeGenerator):
        def keep(self, *_: object) -> bool:
            return False

    assert "kept_memory_gb" in str(run(generator=Forgetful(reply=NUMBERS)).missing)


def test_askers_share_the_head_of_a_round_and_nothing_else() -> None:
    prompts = [asker_prompt(mark, asker) for mark in ("a", "b") for asker in range(N_ASKERS)]
    assert len({prompt.head for prompt in prompts}) == 2
    passages = [passage for prompt in prompts for passage in prompt.passages]
    assert len(set(passages)) == len(passages) == 2 * N_ASKERS * 3


def test_chosen_prompt_shows_a_third_of_the_lines() -> None:
    prompt = asker_prompt("a", 1)
    for whole, part in zip(prompt.passages, chosen(prompt).passages, strict=True):
        assert str(whole).startswith(str(part))
        assert 3 * len(str(part).split("\n")) == len(str(whole).split("\n"))


def test_prompt_with_blocks_shows_the_same_texts() -> None:
    prompt = asker_prompt("a", 1)
    blocks = with_blocks(prompt, 1).passages
    assert [b.text for b in blocks if isinstance(b, Block)] == list(prompt.passages)
    assert len({b.name for b in blocks if isinstance(b, Block)}) == 3


def test_server_s_missing_packages_are_named_with_what_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(NeedMissingError, match=r"fastapi.*plinth\[bench\]"):
        llama_server_command(Path("model.gguf"), threads=2, context_tokens=4096)


def test_server_is_set_up_as_the_generator_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    command = llama_server_command(Path("model.gguf"), threads=2, context_tokens=4096)
    assert command[1:3] == ["-m", "llama_cpp.server"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options["--n_threads"] == options["--n_threads_batch"] == "2"
    assert options["--interrupt_requests"] == "false"
    assert options["--n_ctx"] == "4096"
