"""The baseline of answering times: a chat call of llama-cpp-python with the whole prompt.

As frameworks use it: the high-level `Llama` object with its defaults, all threads, the prompt
format that the file brings along, and the cache of the object itself (what a prompt shares with
the one before from its start on is not computed again). In a process of its own, because the
library's threads are set up once in each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evals.benchmarks.types import NeedMissingError
from models.waiting import library_defaults

_CHILD = """
import json, sys, time
import llama_cpp
model = None
for line in sys.stdin:
    order = json.loads(line)
    if model is None:
        model = llama_cpp.Llama(
            order["path"], n_ctx=order["context_tokens"], n_threads=order["threads"],
            n_threads_batch=order["threads"], verbose=False,
        )
    begun = time.perf_counter()
    first = None
    prompt_tokens = 0
    pieces = model.create_chat_completion(
        order["messages"], temperature=0, max_tokens=order["max_tokens"], stream=True
    )
    text = ""
    for piece in pieces:
        said = piece["choices"][0]["delta"].get("content") or ""
        if said and first is None:
            first = time.perf_counter() - begun
            prompt_tokens = model.n_tokens
        text += said
    total = time.perf_counter() - begun
    print(json.dumps({
        "first_s": total if first is None else first, "total_s": total,
        "tokens": prompt_tokens, "text": text,
    }), flush=True)
"""
CONTEXT_TOKENS = 4096


class PlainChatEndedError(NeedMissingError):
    """The baseline's process ended; the message says what it said last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """What a chat call took."""

    first_s: float
    """Until the first text."""
    total_s: float
    tokens: int
    """Prompt and reply."""
    text: str


class PlainChat:
    """The running baseline; made by `open_plain_chat`, for one thread."""

    def __init__(self, child: subprocess.Popen[str], weights: Path, threads: int) -> None:
        self._child = child
        self._weights = weights
        self._threads = threads

    def ask(self, question: str, passages: Sequence[str], *, max_tokens: int) -> PlainAnswer:
        """Show all passages whole and have the question answered.

        Raises:
            PlainChatEndedError: the process has ended.
        """
        context = "\n\n".join(passages)
        order = {
            "path": str(self._weights),
            "context_tokens": CONTEXT_TOKENS,
            "threads": self._threads,
            "max_tokens": max_tokens,
            "messages": [
                {
                    "role": "system",
                    "content": "Answer the question from the context in one sentence.",
                },
                {"role": "user", "content": f"Context:\n{context}\n\nQuestion: {question}"},
            ],
        }
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PlainChatEndedError(
                f"the baseline's process ended with {self._child.wait()}; free some memory"
            )
        return PlainAnswer(**json.loads(line))


@contextmanager
def open_plain_chat(weights: Path, threads: int) -> Iterator[PlainChat]:
    """Start the baseline's process with a weight file; it ends with the context."""
    command = [sys.executable, "-c", _CHILD]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=library_defaults(),
    ) as child:
        try:
            yield PlainChat(child, weights, threads)
        finally:
            child.kill()
