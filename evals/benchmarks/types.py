"""What a benchmark is, what it may ask for, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from assistant.engine import Engine
from assistant.protocols import Retriever
from assistant.settings import AnswerSettings
from assistant.types import ChunkId
from evals.bootstrap import Figure
from evals.errors import EvalError
from models.gguf import Tensor
from models.protocols import Embedder, Generator

LEAST_ROUNDS = 5
"""With fewer, one disturbed round would move the median."""

Conditions = Mapping[str, str | int]
"""Under which a figure holds, by name: model, threads, tokens, what was cached."""


class NeedMissingError(EvalError):
    """A benchmark cannot be run here; the message says what it needs and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Something that both sides of a benchmark are measured in."""

    name: str
    unit: str
    higher_is_better: bool
    """False for times: the ratio is then the baseline's value over Plinth's."""
    gate: float | None = None
    """Least median ratio; None: it is only shown."""
    is_score: bool = False
    """Compared by its difference, question by question, not by a ratio: the gate is then what the
    lower end of the 95 % interval of the mean difference must reach."""
    rounds: int = LEAST_ROUNDS
    """How many the figure needs."""
    limit: float | None = None
    """Most that Plinth's median may be, in the unit, where what counts is how people feel it and
    not what it is compared with; None: any."""


class Rounds(Protocol):
    """Both sides of an opened benchmark, warmed up; used by one thread."""

    @property
    def conditions(self) -> Conditions:
        """Under which was measured; complete only after the last round."""

    def baseline(self, round_index: int) -> Mapping[str, float]:
        """Measure the baseline once and return the value of every quantity, above 0.

        Args:
            round_index: 0-based; both sides do the same work in the same round.
        """

    def plinth(self, round_index: int) -> Mapping[str, float]:
        """Measure Plinth once, as `baseline` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedGenerator:
    """A generator for measuring, and what to say of it."""

    generator: Generator
    path: Path
    """Of the weights."""
    weights: str
    """File name and types of the weights."""
    sha256: str
    tensors: tuple[Tensor, ...]
    """Of the weight file."""
    is_fitted: bool
    """Whether the weights are a file made for this processor."""
    reason: str
    """Why this file is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCorpus:
    """Documents that can be asked about, in a data dir of their own."""

    retriever: Retriever
    opened: OpenedGenerator
    engine: Engine
    """Uses what is prepared."""
    cold_engine: Engine
    """Computes everything, whatever is prepared."""
    embedder: Embedder
    settings: AnswerSettings
    """Of both engines."""
    prepare: Callable[[Iterable[ChunkId]], None]
    """Prepares passages as the idle web app does: keys and values, vectors of sentences."""
    pass_idle_s: Callable[[float], None]
    """Lets so many seconds pass in which the web app's warmers work: what the engine's last
    question found comes first, then the newest passages. Ends early where all is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEmbedder:
    """An embedder for measuring, and what others need to load the same weights."""

    embedder: Embedder
    folder: Path
    """As sentence-transformers reads it."""
    runtime: str
    """By what and how it is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What the server says of a question that came to its turn."""

    in_line_s: float
    turn_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the server and its processes have at a moment."""

    memory_bytes: int
    """Their own, and their part of what they share."""
    n_handles: int
    """Open descriptors."""
    n_threads: int


class TabError(EvalError):
    """A tab was shown no page, or lost its connection."""


class AskTab(Protocol):
    """A browser tab of somebody who is signed in."""

    async def ask(self, question: str) -> str:
        """Ask, wait for the end, and return why there is no reply; empty if there is one.

        Raises:
            TabError: the server does not answer.
        """


class OpenedWebApp(Protocol):
    """The web app, in a process of its own."""

    @property
    def n_at_a_time(self) -> int:
        """Answers under way together."""

    def open_tab(self, person: str) -> AbstractAsyncContextManager[AskTab]:
        """Open the page Ask; entering raises `TabError` where it is not shown."""

    def new_waits(self) -> Sequence[Waited]:
        """Return what was not returned before, oldest first."""

    def usage(self) -> Usage:
        """Look now.

        Raises:
            NeedMissingError: it does not run any more.
        """


class Workbench(Protocol):
    """What this machine has; the composition root implements it."""

    @property
    def threads(self) -> int:
        """Per model."""

    @property
    def scratch(self) -> Path:
        """Folder for what is computed once; may be missing yet."""

    def open_generator(self, *, use_fitted: bool) -> AbstractContextManager[OpenedGenerator]:
        """Open the generator of the settings; its process ends with the context.

        Args:
            use_fitted: With the file fitted to this processor where there is one, else with the
                original.

        Raises:
            ModelError: it cannot be opened.
        """

    def open_corpus(
        self, folders: Sequence[Path], *, use_fitted: bool = True
    ) -> AbstractContextManager[OpenedCorpus]:
        """Take documents into a new data dir, which is removed with the context.

        Args:
            folders: With the documents.
            use_fitted: As for `open_generator`.

        Raises:
            NeedMissingError: the models of the settings are stand-ins.
            ModelError: a model cannot be opened.
        """

    def open_embedder(self) -> OpenedEmbedder:
        """Return the embedder of the settings; its weights load with the first text.

        Raises:
            NeedMissingError: the settings name a stand-in.
            ModelError: it cannot be opened.
        """

    def open_web_app(
        self, folder: Path, *, people: Sequence[str], generator: str
    ) -> AbstractContextManager[OpenedWebApp]:
        """Serve documents that all of these people may read, from a data dir of its own.

        Args:
            folder: Of the documents.
            people: Names; they are signed in.
            generator: The model that answers, by its name; with a stand-in, so is the embedder.

        Raises:
            NeedMissingError: the server does not come up; the message says why.
        """

    def stand_in_generator(self) -> Generator:
        """Return a generator that is no model, for what comes before any generation."""

    def corpus(self, name: str) -> Path:
        """Return the folder of a development corpus.

        Raises:
            NeedMissingError: it is not on this machine.
        """


class Benchmark(Protocol):
    """One comparison."""

    @property
    def name(self) -> str:
        """As given on the command line."""

    @property
    def title(self) -> str:
        """What is compared with what, in a line."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """In the order in which they are shown."""

    def open(self, workbench: Workbench) -> AbstractContextManager[Rounds]:
        """Prepare both sides.

        Raises:
            NeedMissingError: something is missing here.
        """


class Status(StrEnum):
    """How a benchmark ended."""

    MET = "met"
    MISSED = "missed"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One quantity over all rounds."""

    quantity: Quantity
    ratios: tuple[float, ...]
    """Of each round, above 1 where Plinth is better."""
    median_ratio: float
    baseline: float
    """Median, in the quantity's unit."""
    plinth: float
    """Median, in the quantity's unit."""

    @property
    def is_met(self) -> bool:
        """Whether the gate, if there is one, is reached and the limit, too, is kept."""
        gate, limit = self.quantity.gate, self.quantity.limit
        return (gate is None or self.median_ratio >= gate) and (
            limit is None or self.plinth <= limit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One score over all rounds."""

    quantity: Quantity
    difference: Figure
    """Mean of the rounds' differences, above 0 where Plinth is better."""
    baseline: float
    """Mean."""
    plinth: float
    """Mean."""

    @property
    def is_met(self) -> bool:
        """Whether the interval ends above the gate, if there is one."""
        return self.quantity.gate is None or self.difference.low >= self.quantity.gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one benchmark."""

    name: str
    title: str
    status: Status
    measured: tuple[Measured | Difference, ...] = ()
    """Empty where it could not be measured."""
    conditions: Conditions
    missing: str | None = None
    """What is needed to measure it."""
