"""Run benchmarks: baseline and Plinth in turn, in one process, on the same work."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from evals.benchmarks.types import (
    Benchmark,
    Measured,
    NeedMissingError,
    Quantity,
    Result,
    Status,
    Workbench,
)
from models.errors import ModelError

LEAST_ROUNDS = 5
"""With fewer, one disturbed round would move the median."""

Tell = Callable[[str], None]


def run_benchmark(
    benchmark: Benchmark, workbench: Workbench, *, rounds: int = LEAST_ROUNDS, tell: Tell
) -> Result:
    """Measure one benchmark; what is opened for it is closed again, also by an interruption.

    Args:
        benchmark: Which.
        workbench: What this machine has.
        rounds: At least `LEAST_ROUNDS`.
        tell: Told before each round.

    Returns:
        The result; with the status `UNMEASURED`, which is no pass, where something is missing or
        a model's process ended.
    """
    if rounds < LEAST_ROUNDS:
        raise ValueError(f"{rounds} rounds are too few; give at least {LEAST_ROUNDS}")
    tell(f"{benchmark.name}: preparing")
    pairs: list[tuple[Mapping[str, float], Mapping[str, float]]] = []
    try:
        with benchmark.open(workbench) as opened:
            for index in range(rounds):
                tell(f"{benchmark.name}: round {index + 1} of {rounds}")
                # Whoever comes second meets a warmer machine: take turns.
                if index % 2:
                    plinth = opened.plinth(index)
                    baseline = opened.baseline(index)
                else:
                    baseline = opened.baseline(index)
                    plinth = opened.plinth(index)
                pairs.append((baseline, plinth))
            conditions = dict(opened.conditions)
    except (NeedMissingError, ModelError) as error:
        return Result(
            name=benchmark.name,
            title=benchmark.title,
            status=Status.UNMEASURED,
            conditions={},
            missing=str(error),
        )
    measured = tuple(measure(quantity, pairs) for quantity in benchmark.quantities)
    return Result(
        name=benchmark.name,
        title=benchmark.title,
        status=Status.MET if all(one.is_met for one in measured) else Status.MISSED,
        measured=measured,
        conditions={"rounds": rounds, **conditions},
    )


def measure(
    quantity: Quantity, pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]
) -> Measured:
    """Sum up one quantity of (baseline, Plinth) over the rounds.

    The median is of the rounds' ratios: what else the machine did in a round slowed both sides.
    """
    baselines = [baseline[quantity.name] for baseline, _ in pairs]
    plinths = [plinth[quantity.name] for _, plinth in pairs]
    ratios = tuple(
        ours / theirs if quantity.higher_is_better else theirs / ours
        for theirs, ours in zip(baselines, plinths, strict=True)
    )
    return Measured(
        quantity=quantity,
        ratios=ratios,
        median_ratio=statistics.median(ratios),
        baseline=statistics.median(baselines),
        plinth=statistics.median(plinths),
    )
