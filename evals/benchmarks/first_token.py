"""`first-token` and `stream`: the wait for an answer, against a chat call with the whole prompt."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from assistant.access import OPERATOR
from assistant.engine import POOL
from assistant.retrieval.recency import newest_first
from assistant.types import Hit, Reply
from evals.benchmarks.corpora import Asked, day_of_questions, sample_corpus, shared_corpus
from evals.benchmarks.plain_chat import PlainChat, open_plain_chat
from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedCorpus,
    Quantity,
    Rounds,
    Workbench,
)

N_PASSAGES = 3
"""Shown whole to the baseline, the best ones that Plinth's own retrieval finds."""
BASELINE_TOKENS = 8
"""Written by the baseline: only its first one counts."""
A_ROUND = 12
"""Questions of the stream that are asked in a round."""
STREAM_QUESTIONS = 300
TOPICS = 8
"""Documents of each corpus that the stream returns to."""
IN_A_ROW = 3
IDLE_S = 60.0
"""Between two questions of the stream: 300 in a working day of eight hours have 96 s each."""
SEED = 1

_OTHER_QUESTION = "What is the colour of the sea?"


class FirstToken:
    """One question after the other, each cold and with its passages kept."""

    name = "first-token"
    title = "chat call of llama-cpp-python with the whole prompt, against Plinth's first token"
    quantities = (
        Quantity(name="kept", unit="s", higher_is_better=False, gate=14.0),
        Quantity(name="cold", unit="s", higher_is_better=False, gate=2.5),
        Quantity(name="checked", unit="s", higher_is_better=False),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Take in the documents, start both models, ask each something."""
        asked = shared_corpus("xquad-dev-en", "xquad-dev-en") or sample_corpus()
        with _opened(workbench, asked) as (corpus, chat):
            yield _FirstTokenRounds(corpus, chat, asked, workbench.threads)


class Stream:
    """Questions of an ordinary day: several topics, returning to the same documents."""

    name = "stream"
    title = "chat call with the whole prompt, against Plinth over a stream that starts cold"
    quantities = (
        Quantity(
            name="first_token",
            unit="s",
            higher_is_better=False,
            gate=6.0,
            rounds=STREAM_QUESTIONS // A_ROUND,
        ),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Take in the documents; nothing is kept at the start."""
        parts = [
            sample_corpus(),
            shared_corpus("contoso-dev", "contoso-benefits"),
            shared_corpus("ohr-bench-dev", "ohr-bench-dev"),
        ]
        there = [part for part in parts if part is not None]
        asked = day_of_questions(
            there,
            n_topics=TOPICS,
            n_questions=STREAM_QUESTIONS,
            in_a_row=IN_A_ROW,
            seed=SEED,
        )
        with _opened(workbench, asked) as (corpus, chat):
            yield _StreamRounds(corpus, chat, asked, workbench.threads)


@contextmanager
def _opened(workbench: Workbench, asked: Asked) -> Iterator[tuple[OpenedCorpus, PlainChat]]:
    with (
        workbench.open_corpus(asked.folders) as corpus,
        open_plain_chat(corpus.opened.path, workbench.threads) as chat,
    ):
        corpus.cold_engine.ask(_OTHER_QUESTION, readable=OPERATOR)
        chat.ask(_OTHER_QUESTION, ("The sea is blue.",), max_tokens=1)
        yield corpus, chat


class _Rounds:
    """What both have in common: whom they ask."""

    state = ""

    def __init__(self, corpus: OpenedCorpus, chat: PlainChat, asked: Asked, threads: int) -> None:
        self._corpus = corpus
        self._chat = chat
        self._asked = asked
        self._threads = threads
        self._baseline_tokens: list[int] = []
        self._replies: list[Reply] = []

    @property
    def conditions(self) -> Conditions:
        usages = [reply.record.usage for reply in self._replies]
        return {
            "model": self._corpus.opened.generator.info.name,
            "weights": self._corpus.opened.weights,
            "threads": self._threads,
            "questions": f"{len(self._baseline_tokens)} of {self._asked.name}",
            "baseline_tokens": f"{_median(self._baseline_tokens)} in the prompt",
            "plinth_tokens": f"{_median([u.prompt_tokens for u in usages])} in the prompt, "
            f"{_median([u.prompt_tokens_computed for u in usages])} of them computed",
            "baseline": f"llama_cpp.Llama, top {N_PASSAGES} passages whole, its own cache on, "
            "flash attention off, as it is by default",
            "state": self.state,
        }

    def _hits(self, question: str) -> Sequence[Hit]:
        return newest_first(question, self._corpus.retriever.retrieve(question, POOL, OPERATOR))

    def _plain_s(self, question: str) -> float:
        passages = [hit.chunk.text for hit in self._hits(question)[:N_PASSAGES]]
        answer = self._chat.ask(question, passages, max_tokens=BASELINE_TOKENS)
        self._baseline_tokens.append(answer.tokens)
        return answer.first_s

    def _prepare(self, question: str) -> None:
        """Prepare all passages that are found for a question."""
        self._corpus.prepare([hit.chunk.chunk_id for hit in self._hits(question)])


class _FirstTokenRounds(_Rounds):
    state = (
        "kept: the passages' keys and values are in memory, their sentences' vectors in files; "
        "cold: nothing but the head of the prompt. Weights loaded, no answer cached, every first "
        "token sampled for its question"
    )

    def __init__(self, corpus: OpenedCorpus, chat: PlainChat, asked: Asked, threads: int) -> None:
        super().__init__(corpus, chat, asked, threads)
        # Neighbours in a suite are often about the same passage.
        self._drawn = random.Random(SEED).sample(asked.questions, len(asked.questions))

    def baseline(self, round_index: int) -> Mapping[str, float]:
        first_s = self._plain_s(self._question(round_index))
        return {"kept": first_s, "cold": first_s, "checked": first_s}

    def plinth(self, round_index: int) -> Mapping[str, float]:
        question = self._question(round_index)
        cold = self._corpus.cold_engine.ask(question, readable=OPERATOR)
        self._prepare(question)
        # What the last question left in the generator's cache must not help.
        self._corpus.engine.ask(_OTHER_QUESTION, readable=OPERATOR)
        kept = self._corpus.engine.ask(question, readable=OPERATOR)
        self._replies.append(kept)
        return {
            "kept": _first_s(kept),
            "cold": _first_s(cold),
            "checked": (kept.record.timings.verified_ms or kept.record.timings.total_ms) / 1000,
        }

    def _question(self, round_index: int) -> str:
        return self._drawn[round_index % len(self._drawn)]


class _StreamRounds(_Rounds):
    state = (
        f"cold at the start; after each question {IDLE_S:g} s pass, not measured, in which the "
        "web app's warmers prepare passages, until all are prepared. No answer cached"
    )

    def baseline(self, round_index: int) -> Mapping[str, float]:
        return self._summed_up([self._plain_s(q) for q in self._questions(round_index)])

    def plinth(self, round_index: int) -> Mapping[str, float]:
        first = []
        for question in self._questions(round_index):
            reply = self._corpus.engine.ask(question, readable=OPERATOR)
            self._replies.append(reply)
            first.append(_first_s(reply))
            self._corpus.pass_idle_s(IDLE_S)
        return self._summed_up(first)

    def _questions(self, round_index: int) -> Sequence[str]:
        start = round_index * A_ROUND
        questions = self._asked.questions[start : start + A_ROUND]
        if not questions:
            raise NeedMissingError(
                f"the stream has {len(self._asked.questions)} questions; take fewer rounds"
            )
        return questions

    @staticmethod
    def _summed_up(seconds: Sequence[float]) -> Mapping[str, float]:
        return {"first_token": statistics.median(seconds)}


def _first_s(reply: Reply) -> float:
    """Return the time to the first token, to the end where none was generated."""
    timings = reply.record.timings
    return (timings.total_ms if timings.ttft_ms is None else timings.ttft_ms) / 1000


def _median(values: Sequence[int]) -> int:
    return round(statistics.median(values)) if values else 0
