"""Every benchmark there is."""

from __future__ import annotations

from collections.abc import Sequence

from evals.benchmarks.askers import Askers
from evals.benchmarks.embedding import Embedding
from evals.benchmarks.evidence import Evidence
from evals.benchmarks.first_token import FirstToken, Stream
from evals.benchmarks.growth import Growth
from evals.benchmarks.ingest import Ingest
from evals.benchmarks.injections import Injections
from evals.benchmarks.load import Load
from evals.benchmarks.permissions import Permissions
from evals.benchmarks.quality import Quality
from evals.benchmarks.roofline import Roofline
from evals.benchmarks.types import Benchmark
from evals.benchmarks.vectors import VectorSearch
from evals.benchmarks.weights import Weights
from evals.errors import EvalError

BENCHMARKS: tuple[Benchmark, ...] = (
    FirstToken(),
    Stream(),
    Quality(),
    Injections(),
    Evidence(),
    Askers(),
    VectorSearch(),
    Growth(),
    Permissions(),
    Embedding(),
    Ingest(),
    Weights(),
    Roofline(),
    Load("load", generator="fake-generator", n_askers=32, seconds=600),
    Load("load-model", generator="smollm2-135m-instruct", n_askers=8, seconds=300),
)
"""In the order in which they are run."""


class UnknownBenchmarkError(EvalError):
    """There is no benchmark of that name; the message lists those there are."""


def find_benchmarks(names: Sequence[str]) -> tuple[Benchmark, ...]:
    """Return the named benchmarks, each once, in the registry's order; without names, all.

    Raises:
        UnknownBenchmarkError: a name is not known.
    """
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    for name in names:
        if name not in known:
            raise UnknownBenchmarkError(
                f"there is no benchmark {name!r}; known are {', '.join(known)}"
            )
    return tuple(benchmark for name, benchmark in known.items() if not names or name in names)
