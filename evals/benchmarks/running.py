"""Run benchmarks: baseline and Plinth in turn, in one process, on the same work."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from evals.benchmarks.types import (
    LEAST_ROUNDS,
    Benchmark,
    Difference,
    Measured,
    NeedMissingError,
    Quantity,
    Result,
    Status,
    Workbench,
)
from evals.bootstrap import mean_figure
from models.errors import ModelError

Tell = Callable[[str], None]
Pairs = Sequence[tuple[Mapping[str, float], Mapping[str, float]]]
"""(baseline, Plinth) of every round."""


def run_benchmark(
    benchmark: Benchmark, workbench: Workbench, *, rounds: int | None = None, tell: Tell
) -> Result:
    """Measure one benchmark; what is opened for it is closed again, also by an interruption.

    Args:
        benchmark: Which.
        workbench: What this machine has.
        rounds: At least `LEAST_ROUNDS`; None: as many as its figures need.
        tell: Told before each round.

    Returns:
        The result; with the status `UNMEASURED`, which is no pass, where something is missing or
        a model's process ended.
    """
    if rounds is None:
        rounds = max(quantity.rounds for quantity in benchmark.quantities)
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
    measured = tuple(
        (compare_scores if quantity.is_score else measure)(quantity, pairs)
        for quantity in benchmark.quantities
    )
    return Result(
        name=benchmark.name,
        title=benchmark.title,
        status=Status.MET if all(one.is_met for one in measured) else Status.MISSED,
        measured=measured,
        conditions={"rounds": rounds, **conditions},
    )


def measure(quantity: Quantity, pairs: Pairs) -> Measured:
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


def compare_scores(quantity: Quantity, pairs: Pairs) -> Difference:
    """Sum up one score of (baseline, Plinth) over the rounds, each of which asked one question."""
    baselines = [baseline[quantity.name] for baseline, _ in pairs]
    plinths = [plinth[quantity.name] for _, plinth in pairs]
    difference = mean_figure(
        [ours - theirs for theirs, ours in zip(baselines, plinths, strict=True)]
    )
    assert difference is not None
    return Difference(
        quantity=quantity,
        difference=difference,
        baseline=statistics.fmean(baselines),
        plinth=statistics.fmean(plinths),
    )
