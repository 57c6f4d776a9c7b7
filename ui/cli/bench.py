"""`plinth bench`: the project's own benchmarks, each a ratio measured side by side."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, print_json, printable
from ui.settings import Settings, load_settings

if TYPE_CHECKING:
    from evals.benchmarks.types import OpenedCorpus, OpenedGenerator
    from models.protocols import Embedder, Generator

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
    workbench = MachineWorkbench(load_settings(data_dir))
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

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def threads(self) -> int:
        """Per model."""
        from models.processors import physical_cores

        return self._settings.models.threads or physical_cores()

    @property
    def scratch(self) -> Path:
        """In the user cache."""
        from platformdirs import user_cache_path

        return user_cache_path("plinth") / "benchmarks"

    @contextmanager
    def open_generator(
        self, *, use_fitted: bool, blocks: Path | None = None
    ) -> Iterator[OpenedGenerator]:
        """Open the generator of the settings."""
        from evals.benchmarks.types import OpenedGenerator
        from models.catalog import find_model
        from models.factory import build_generator
        from models.fitting.record import file_in_use
        from models.gguf import describe_types, read_tensors

        fitted = {"fitted": "auto" if use_fitted else "off"}
        settings = self._settings.models.model_copy(update=fitted)
        _refuse_stand_in("generator", settings.generator)
        model = find_model(settings.generator, settings.dir)
        file = file_in_use(model, settings.dir, use_fitted=use_fitted)
        tensors = read_tensors(file.path)
        with build_generator(settings, blocks) as generator:
            yield OpenedGenerator(
                generator=generator,
                weights=f"{file.path.name} ({describe_types(tensors)})",
                path=file.path,
                sha256=file.sha256,
                tensors=tensors,
                is_fitted=file.is_fitted,
                reason=file.reason,
            )

    @contextmanager
    def open_corpus(self, folders: Sequence[Path]) -> Iterator[OpenedCorpus]:
        """Take documents into a new data dir with the models of the settings."""
        from assistant.engine import Engine
        from assistant.retrieval.hybrid import HybridRetriever
        from assistant.store.catalog import open_catalog
        from assistant.store.layout import Layout
        from evals.benchmarks.blocks import NoBlocks
        from evals.benchmarks.types import OpenedCorpus

        embedder = self.open_embedder()
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
            data_dir = Path(folder)
            self._take_in(folders, data_dir, embedder)
            with (
                open_catalog(data_dir) as catalog,
                self.open_generator(use_fitted=True, blocks=Layout(data_dir).blocks) as opened,
            ):
                retriever = HybridRetriever(catalog, embedder, self._settings.retrieval)
                engine, without_blocks = (
                    Engine(
                        retriever=retriever,
                        embedder=embedder,
                        generator=generator,
                        settings=self._settings.answer,
                    )
                    for generator in (opened.generator, NoBlocks(opened.generator))
                )
                yield OpenedCorpus(
                    retriever=retriever,
                    opened=opened,
                    settings=self._settings.answer,
                    engine=engine,
                    engine_without_blocks=without_blocks,
                )

    def open_embedder(self) -> Embedder:
        """Open the embedder of the settings."""
        from models.factory import build_embedder

        _refuse_stand_in("embedder", self._settings.models.embedder)
        return build_embedder(self._settings.models)

    def stand_in_generator(self) -> Generator:
        """Return the generator that comes with the program."""
        from models.fakes import FakeGenerator

        return FakeGenerator()

    def _take_in(self, folders: Sequence[Path], data_dir: Path, embedder: Embedder) -> None:
        from assistant.store.writer import open_writer
        from ingest.pipeline import ingest
        from ingest.requests import prepare_collection
        from ingest.sources import find_files

        with open_writer(data_dir) as writer:
            prepare_collection(writer, "bench", ())
            ingest(
                find_files(folders, leave_out=data_dir),
                collection="bench",
                writer=writer,
                embedder=embedder,
                settings=self._settings.ingest,
            )


def _refuse_stand_in(role: str, name: str) -> None:
    from evals.benchmarks.types import NeedMissingError
    from models.factory import FAKES

    if name in FAKES:
        raise NeedMissingError(f"models.{role} is the stand-in {name!r}; set a real one")
