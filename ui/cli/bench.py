"""`plinth bench`: the project's own benchmarks, each a ratio measured side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from models.settings import ModelsSettings
from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, print_json, printable
from ui.settings import load_settings

if TYPE_CHECKING:
    from evals.benchmarks.types import OpenedGenerator

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
    rounds: Annotated[int, typer.Option(min=5, metavar="N", help="Rounds of each.")] = 5,
    as_json: Json = False,
) -> None:
    """Measure Plinth against baselines, in turn in one run, and print median ratios.

    Exits with 3 where a gate is not met, with 1 where something could not be measured.

    Example: plinth bench weights --rounds 7
    """
    from evals.benchmarks.registry import find_benchmarks
    from evals.benchmarks.report import benchmarks_to_json, result_lines, results_to_json
    from evals.benchmarks.running import run_benchmark
    from evals.benchmarks.types import Status

    chosen = find_benchmarks(names or ())
    if list_only:
        if as_json:
            print_json(benchmarks_to_json(chosen))
        for benchmark in () if as_json else chosen:
            print(f"{benchmark.name}: {benchmark.title}")
        return
    workbench = MachineWorkbench(load_settings(data_dir).models)
    results = []
    for benchmark in chosen:
        result = run_benchmark(benchmark, workbench, rounds=rounds, tell=note)
        results.append(result)
        for line in () if as_json else result_lines(result):
            print(printable(line))
    if as_json:
        print_json(results_to_json(results))
    wrong = {result.status for result in results} - {Status.MET}
    for result in results:
        if result.status is Status.MISSED:
            print(f"gates of {result.name} were not met", file=sys.stderr)
        elif result.status is Status.UNMEASURED:
            text = f"error: {result.name} was not measured: {result.missing}"
            print(printable(text), file=sys.stderr)
    if wrong:
        raise typer.Exit(EXIT_GATE_MISSED if Status.MISSED in wrong else EXIT_UNMEASURED)


class MachineWorkbench:
    """What benchmarks can have of this machine: an `evals.benchmarks.types.Workbench`."""

    def __init__(self, settings: ModelsSettings) -> None:
        self._settings = settings

    @property
    def threads(self) -> int:
        """Per model."""
        from models.processors import physical_cores

        return self._settings.threads or physical_cores()

    @contextmanager
    def open_generator(self, *, use_fitted: bool) -> Iterator[OpenedGenerator]:
        """Open the generator of the settings."""
        from evals.benchmarks.types import NeedMissingError, OpenedGenerator
        from models.catalog import find_model
        from models.factory import FAKES, build_generator
        from models.fitting.record import file_in_use
        from models.gguf import describe_types, read_tensors

        settings = self._settings.model_copy(update={"fitted": "auto" if use_fitted else "off"})
        if settings.generator in FAKES:
            raise NeedMissingError(
                f"models.generator is the stand-in {settings.generator!r}; set a real one"
            )
        model = find_model(settings.generator, settings.dir)
        file = file_in_use(model, settings.dir, use_fitted=use_fitted)
        with build_generator(settings) as generator:
            yield OpenedGenerator(
                generator=generator,
                weights=f"{file.path.name} ({describe_types(read_tensors(file.path))})",
                sha256=file.sha256,
                is_fitted=file.is_fitted,
                reason=file.reason,
            )
