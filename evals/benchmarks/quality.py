"""`quality`: what answers lose by all that makes them fast, question by question."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from assistant.access import OPERATOR
from assistant.engine import Engine
from assistant.types import Answer, Reply
from evals.benchmarks.blocks import NoBlocks
from evals.benchmarks.corpora import SHARED_DATA, Asked, shared_corpus
from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedCorpus,
    OpenedGenerator,
    Quantity,
    Rounds,
    Workbench,
)
from evals.suites import Case
from evals.text_metrics import contains_gold, token_f1

SUITES = ("ohr-bench-dev", "xquad-dev-en", "squad2-dev")
"""Of the shared data, each with the corpus of its name."""
QUESTIONS_EACH = 100
"""Drawn from the questions of each suite; a round asks one."""
MOST_WORDS = 50
"""Of a gold answer: how well an answer agrees with a longer one, its words do not show."""
SEED = 1
_WHOLE = {
    "select_sentences": False,
    "passages": 3,
    "evidence_tokens": 8192,
    "full_evidence_tokens": 8192,
}
"""Passages as frameworks show them: the best three, with nothing left out."""


class Quality:
    """Chosen sentences, prepared passages and fitted weights, each against doing without."""

    name = "quality"
    title = "answers without chosen sentences, prepared passages or fitted weights, against with"
    quantities = (
        Quantity(
            name="chosen",
            unit="score",
            higher_is_better=True,
            gate=-0.03,
            is_score=True,
            rounds=len(SUITES) * QUESTIONS_EACH,
        ),
        Quantity(name="prepared", unit="score", higher_is_better=True, gate=-0.03, is_score=True),
        Quantity(name="fitted", unit="score", higher_is_better=True, gate=-0.03, is_score=True),
    )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Draw the questions; documents are taken in when the first one about them comes."""
        parts = [part for suite in SUITES if (part := shared_corpus(suite, suite)) is not None]
        if len(parts) < len(SUITES):
            raise NeedMissingError(
                f"the suites {', '.join(SUITES)} are development data; set {SHARED_DATA} to the "
                "folder that holds suites/ and corpora/"
            )
        with workbench.open_generator(use_fitted=True) as fitted, ExitStack() as stack:
            yield _QualityRounds(workbench, fitted, parts, stack)


class _QualityRounds:
    def __init__(
        self,
        workbench: Workbench,
        fitted: OpenedGenerator,
        parts: Sequence[Asked],
        stack: ExitStack,
    ) -> None:
        self._workbench = workbench
        self._fitted = fitted
        self._stack = stack
        self._drawn = [(part, case) for part in parts for case in _draw(part.cases)]
        self._n_asked: Counter[str] = Counter()
        self._part: Asked | None = None
        self._corpus: OpenedCorpus | None = None
        self._weights = ""
        self._chosen: dict[int, Reply] = {}
        """Of the last round: compared with what it replaces and with what replaces it."""

    @property
    def conditions(self) -> Conditions:
        asked = ", ".join(f"{n} of {suite}" for suite, n in self._n_asked.items())
        weights = self._fitted.weights if self._fitted.is_fitted else f"none, {self._fitted.reason}"
        return {
            "model": self._fitted.generator.info.name,
            "weights": self._weights,
            "fitted_weights": weights,
            "threads": self._workbench.threads,
            "questions": f"{asked}; answerable, gold answers of at most {MOST_WORDS} words",
            "score": "mean of containment and token F1; 0 for an abstention",
            "chosen": f"sentences, against the best {_WHOLE['passages']} passages whole",
            "prepared": "the passages of these sentences, their keys and values attached, against "
            "the best ones whole and computed",
            "fitted": "chosen sentences read by the fitted weights, against the original ones",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        corpus, case = self._opened(round_index)
        self._n_asked[self._drawn[round_index][0].name] += 1
        whole = self._engine(corpus, corpus.opened, _WHOLE).ask(case.question, readable=OPERATOR)
        from_whole = _score(whole, case)
        chosen = _score(self._chosen_reply(round_index), case)
        return {"chosen": from_whole, "prepared": from_whole, "fitted": chosen}

    def plinth(self, round_index: int) -> Mapping[str, float]:
        corpus, case = self._opened(round_index)
        chosen = self._chosen_reply(round_index)
        # The same passages are shown of prepared ones.
        corpus.prepare([one.hit.chunk.chunk_id for one in chosen.record.passages if one.shown])
        prepared = corpus.engine.ask(case.question, readable=OPERATOR)
        fitted = chosen
        if self._fitted.is_fitted:
            engine = self._engine(corpus, self._fitted, {})
            fitted = engine.ask(case.question, readable=OPERATOR)
        return {
            "chosen": _score(chosen, case),
            "prepared": _score(prepared, case),
            "fitted": _score(fitted, case),
        }

    def _chosen_reply(self, round_index: int) -> Reply:
        if round_index not in self._chosen:
            corpus, case = self._opened(round_index)
            reply = corpus.cold_engine.ask(case.question, readable=OPERATOR)
            self._chosen = {round_index: reply}
        return self._chosen[round_index]

    @staticmethod
    def _engine(
        corpus: OpenedCorpus, opened: OpenedGenerator, settings: Mapping[str, object]
    ) -> Engine:
        return Engine(
            retriever=corpus.retriever,
            embedder=corpus.embedder,
            generator=NoBlocks(opened.generator),
            settings=corpus.settings.model_copy(update=settings),
        )

    def _opened(self, round_index: int) -> tuple[OpenedCorpus, Case]:
        """Return the question of a round and its corpus, which stays open until another's turn."""
        if round_index >= len(self._drawn):
            raise NeedMissingError(f"there are {len(self._drawn)} questions; take fewer rounds")
        part, case = self._drawn[round_index]
        if self._corpus is None or part is not self._part:
            self._stack.close()
            corpus = self._workbench.open_corpus(part.folders, use_fitted=False)
            self._corpus = self._stack.enter_context(corpus)
            self._part = part
            self._weights = self._corpus.opened.weights
        return self._corpus, case


def _draw(cases: Sequence[Case]) -> Sequence[Case]:
    """Return the cases to ask, in the order in which they are asked."""
    short = [
        case for case in cases if max(len(gold.split()) for gold in case.answers) <= MOST_WORDS
    ]
    return random.Random(SEED).sample(short, min(len(short), QUESTIONS_EACH))


def _score(reply: Reply, case: Case) -> float:
    """Return how well the answer agrees with the gold answer it agrees with best, 0 to 1."""
    if not isinstance(reply, Answer):
        return 0.0
    return (
        any(contains_gold(reply.text, gold) for gold in case.answers)
        + max(token_f1(reply.text, gold) for gold in case.answers)
    ) / 2
