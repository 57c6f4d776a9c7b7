"""`askers`: four people ask at once; Plinth against the server of llama-cpp-python.

That server computes one request at a time, behind a lock, and is shown whole passages. Plinth
computes all requests together and is shown what choosing sentences leaves of the same passages. How
much each of both does is told by what is shown whole on both sides: on a processor, computing a
prompt takes nearly the time of its tokens however many prompts are computed together, so batching
helps the replies alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from evals.benchmarks.chat_server import Reply, ask_server, llama_server_command, open_server
from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedGenerator,
    Quantity,
    Rounds,
    Workbench,
)
from models.types import Block, GenerationRequest, Prompt

N_ASKERS = 4
REPLY_TOKENS = 64
_N_PASSAGES = 3
_N_LINES = 6
CHOSEN_LINES = 2
"""Of each passage: as much as choosing sentences leaves, a third of the tokens."""
_DEPOTS = ("Gdynia", "Aarhus", "Porto", "Bremen", "Turku")

Command = Callable[[OpenedGenerator, int], Sequence[str]]


class Askers:
    """Total speed and time to the first token of simultaneous askers."""

    name = "askers"
    title = (
        f"{N_ASKERS} simultaneous askers: the server of llama-cpp-python, one request at a time, "
        "against the generator"
    )
    quantities = (
        Quantity(name="tokens", unit="tokens/s", higher_is_better=True, gate=1.5),
        Quantity(name="first_token", unit="s, p95", higher_is_better=False, gate=2.0),
        Quantity(name="tokens_whole", unit="tokens/s", higher_is_better=True),
        Quantity(name="first_token_whole", unit="s, p95", higher_is_better=False),
        Quantity(name="tokens_saved", unit="tokens/s", higher_is_better=True),
        Quantity(name="first_token_saved", unit="s, p95", higher_is_better=False),
    )

    def __init__(self, command: Command | None = None) -> None:
        """Take the command of the server to compare with; None: llama-cpp-python's."""
        self._command = command or _llama_server

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Start both; the server needs as much memory again."""
        with (
            workbench.open_generator(use_fitted=True) as opened,
            open_server(self._command(opened, workbench.threads)) as port,
        ):
            rounds = _AskersRounds(opened, port, workbench.threads)
            rounds.warm_up()
            yield rounds


class _AskersRounds:
    def __init__(self, opened: OpenedGenerator, port: int, threads: int) -> None:
        self._opened = opened
        self._port = port
        self._threads = threads
        self._nonce = time.time_ns()
        self._tokens: dict[str, str] = {}

    @property
    def conditions(self) -> Conditions:
        return {
            "model": self._opened.generator.info.name,
            "weights": f"{self._opened.weights}, the same file on both sides",
            "sha256": self._opened.sha256,
            "threads": f"{self._threads} on each side (the server's own default is half as many)",
            "askers": N_ASKERS,
            **self._tokens,
            "baseline": "llama_cpp.server, streamed chat, flash attention on, batches of 512, "
            "new requests do not interrupt",
            "state": "cold on both sides: weights loaded; instruction new in each round and shared "
            "by its askers, passages new for each asker, none saved. The server is shown them "
            f"whole, Plinth {CHOSEN_LINES} of {_N_LINES} lines of each, as it chooses sentences",
            "whole": "Plinth is shown the same whole passages",
            "saved": "whole passages, on Plinth's side computed beforehand",
        }

    def warm_up(self) -> None:
        """Have both sides answer once."""
        prompt = asker_prompt(f"{self._nonce}-0", 0)
        self._ask_baseline(prompt)
        self._ask_plinth(prompt)

    def baseline(self, round_index: int) -> Mapping[str, float]:
        tokens, first_token = self._together(self._ask_baseline, self._prompts(round_index))
        return {
            one.name: tokens if one.higher_is_better else first_token for one in Askers.quantities
        }

    def plinth(self, round_index: int) -> Mapping[str, float]:
        prompts = self._prompts(round_index)
        tokens, first_token = self._together(self._ask_plinth, list(map(chosen, prompts)))
        tokens_whole, first_token_whole = self._together(self._ask_plinth, prompts)
        saved = [with_blocks(prompt, index) for index, prompt in enumerate(prompts)]
        for prompt in saved:
            for block in prompt.passages:
                assert isinstance(block, Block)
                if not self._opened.generator.keep(prompt.head, block):
                    raise NeedMissingError(
                        "a computed passage was not kept; raise models.kept_memory_gb"
                    )
        tokens_saved, first_token_saved = self._together(self._ask_plinth, saved)
        return {
            "tokens": tokens,
            "first_token": first_token,
            "tokens_whole": tokens_whole,
            "first_token_whole": first_token_whole,
            "tokens_saved": tokens_saved,
            "first_token_saved": first_token_saved,
        }

    def _prompts(self, round_index: int) -> list[Prompt]:
        mark = f"{self._nonce}-{round_index + 1:04}"
        return [asker_prompt(mark, index) for index in range(N_ASKERS)]

    def _together(
        self, ask: Callable[[Prompt], Reply], prompts: Sequence[Prompt]
    ) -> tuple[float, float]:
        """Ask all at once; return tokens a second over all, and the p95 time to the first."""
        begun_s = time.perf_counter()
        with ThreadPoolExecutor(len(prompts)) as pool:
            replies = list(pool.map(ask, prompts))
        if any(reply.tokens < REPLY_TOKENS // 2 for reply in replies):
            raise NeedMissingError(
                f"a reply has {min(reply.tokens for reply in replies)} tokens, too few to measure; "
                "choose another models.generator"
            )
        took_s = max(reply.ended_s for reply in replies) - begun_s
        first_s = [reply.first_token_s for reply in replies]
        n_tokens = sum(reply.tokens for reply in replies)
        return n_tokens / took_s, float(np.percentile(first_s, 95))

    def _ask_baseline(self, prompt: Prompt) -> Reply:
        user = "\n\n".join((*map(str, prompt.passages), prompt.question))
        return ask_server(self._port, system=prompt.head, user=user, max_tokens=REPLY_TOKENS)

    def _ask_plinth(self, prompt: Prompt) -> Reply:
        asked_s = time.perf_counter()
        stream = self._opened.generator.stream(
            GenerationRequest(prompt=prompt, max_tokens=REPLY_TOKENS)
        )
        first_s = None
        for _ in stream:
            first_s = time.perf_counter() if first_s is None else first_s
        ended_s, done = time.perf_counter(), stream.result()
        self._tokens = {
            "prompt": f"whole about {done.prompt_tokens} tokens each, {_N_PASSAGES} passages",
            "reply": f"at most {REPLY_TOKENS} tokens each",
        }
        return Reply(
            first_token_s=(ended_s if first_s is None else first_s) - asked_s,
            tokens=done.completion_tokens,
            ended_s=ended_s,
        )


def asker_prompt(mark: str, asker_index: int) -> Prompt:
    """Return a prompt of about 600 tokens.

    Args:
        mark: Never used before in another round; begins the head that the askers share.
        asker_index: Who asks; no passage of theirs was ever seen before.
    """
    passages = []
    for passage_index in range(_N_PASSAGES):
        lines = [
            f"{mark}-{asker_index}: depot {_DEPOTS[(n + passage_index) % len(_DEPOTS)]} took in "
            f"{100 + 7 * n + passage_index} pallets on day {n + 1} of week {asker_index + 1}."
            for n in range(_N_LINES)
        ]
        passages.append("\n".join(lines))
    return Prompt(
        head=f"{mark}. You count aloud.",
        passages=tuple(passages),
        question="Write the numbers from 1 to 100, separated by commas, and nothing else.",
    )


def chosen(prompt: Prompt) -> Prompt:
    """Return a prompt with what choosing sentences leaves of its passages."""
    passages = ("\n".join(str(one).split("\n")[:CHOSEN_LINES]) for one in prompt.passages)
    return replace(prompt, passages=tuple(passages))


def with_blocks(prompt: Prompt, asker_index: int) -> Prompt:
    """Return the same prompt with its passages as blocks."""
    blocks = (
        Block(name=f"asker-{asker_index}/{index}", text=str(passage))
        for index, passage in enumerate(prompt.passages)
    )
    return replace(prompt, passages=tuple(blocks))


def _llama_server(opened: OpenedGenerator, threads: int) -> Sequence[str]:
    context_tokens = opened.generator.info.context_tokens
    return llama_server_command(opened.path, threads=threads, context_tokens=context_tokens)
