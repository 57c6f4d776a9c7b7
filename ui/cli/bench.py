"""`plinth bench`: the project's own benchmarks, each a ratio measured side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, print_json, say
from ui.settings import load_settings
from ui.workbench import MachineWorkbench

EXIT_UNMEASURED = 1
EXIT_GATE_MISSED = 3


def bench(
    data_dir: DataDir,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Benchmarks; else all.", show_default=False),
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="Show the benchmarks and their gates, run none.")
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=5,
            metavar="N",
            help="Rounds of each; else 5, 25 of stream, 300 of quality.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure Plinth against baselines, in turn in one run, and print median ratios.

    Exits with 3 where a gate is not met, with 1 where something could not be measured.

    Example: plinth bench weights --rounds 7
    """
    from evals.benchmarks.registry import find_benchmarks
    from evals.benchmarks.report import (
        benchmarks_to_json,
        list_lines,
        result_lines,
        results_to_json,
    )
    from evals.benchmarks.running import run_benchmark
    from evals.benchmarks.types import Status

    chosen = find_benchmarks(names or ())
    if list_only:
        if as_json:
            print_json(benchmarks_to_json(chosen))
        for line in () if as_json else list_lines(chosen):
            say(line)
        return
    workbench = MachineWorkbench(load_settings(data_dir))
    results = []
    for benchmark in chosen:
        result = run_benchmark(benchmark, workbench, rounds=rounds, tell=note)
        results.append(result)
        for line in () if as_json else result_lines(result):
            say(line)
    if as_json:
        print_json(results_to_json(results))
    wrong = {result.status for result in results} - {Status.MET}
    for result in results:
        if result.status is Status.MISSED:
            note(f"gates of {result.name} were not met")
        elif result.status is Status.UNMEASURED:
            text = f"error: {result.name} was not measured: {result.missing}"
            note(text)
    if wrong:
        raise typer.Exit(EXIT_GATE_MISSED if Status.MISSED in wrong else EXIT_UNMEASURED)
