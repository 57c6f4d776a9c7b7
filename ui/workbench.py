"""What benchmarks can have of this machine: the composition root of `plinth bench`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.access import OPERATOR
from assistant.types import ChunkId
from ui.settings import Settings

if TYPE_CHECKING:
    from evals.benchmarks.types import (
        OpenedCorpus,
        OpenedEmbedder,
        OpenedGenerator,
        OpenedWebApp,
    )
    from models.protocols import Embedder, Generator


class MachineWorkbench:
    """An `evals.benchmarks.types.Workbench` with the models of the settings."""

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

    def open_embedder(self) -> OpenedEmbedder:
        """Return the embedder of the settings."""
        from evals.benchmarks.types import OpenedEmbedder
        from models.factory import build_embedder, embedder_precision

        settings = self._settings.models
        _refuse_stand_in("embedder", settings.embedder)
        return OpenedEmbedder(
            embedder=build_embedder(settings),
            folder=settings.dir / settings.embedder,
            runtime=f"torch, {embedder_precision(settings)}",
        )

    def corpus(self, name: str) -> Path:
        """Return the folder of a development corpus."""
        from evals.benchmarks.corpora import shared_folder

        return shared_folder(name)

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
    def open_corpus(
        self, folders: Sequence[Path], *, use_fitted: bool = True
    ) -> Iterator[OpenedCorpus]:
        """Take documents into a new data dir with the models of the settings."""
        from assistant.engine import Engine
        from assistant.evidence.prepared import PreparedSentences
        from assistant.retrieval.hybrid import HybridRetriever
        from assistant.store.catalog import open_catalog
        from assistant.store.layout import Layout
        from assistant.warming import Blocks, Sentences
        from evals.benchmarks.blocks import NoBlocks
        from evals.benchmarks.idle import IdleTime
        from evals.benchmarks.types import OpenedCorpus
        from models.remembering import RememberingEmbedder

        embedder = RememberingEmbedder(self.open_embedder().embedder)
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
            data_dir = Path(folder)
            self._take_in(folders, data_dir, embedder)
            with (
                open_catalog(data_dir) as catalog,
                self.open_generator(
                    use_fitted=use_fitted, blocks=Layout(data_dir).blocks
                ) as opened,
            ):
                prepared = PreparedSentences(Layout(data_dir).blocks, embedder.info)
                models, answer = self._settings.models, self._settings.answer
                preparations = (
                    Blocks(catalog, opened.generator, disk_bytes=models.kept_bytes),
                    Sentences(
                        catalog, embedder, prepared, disk_bytes=answer.prepared_sentences_bytes
                    ),
                )

                def prepare(chunk_ids: Iterable[ChunkId]) -> None:
                    for passage in catalog.chunks(chunk_ids, OPERATOR).values():
                        for preparation in preparations:
                            preparation.keep(passage)
                    embedder.forget()

                retriever = HybridRetriever(catalog, embedder, self._settings.retrieval)
                with IdleTime(catalog, preparations) as idle:
                    engine, cold_engine = (
                        Engine(
                            retriever=retriever,
                            embedder=embedder,
                            generator=generator,
                            settings=answer,
                            prepared=sentences,
                            on_evidence=on_evidence,
                        )
                        for generator, sentences, on_evidence in (
                            (opened.generator, prepared, idle.note_use),
                            (NoBlocks(opened.generator), None, _ignore),
                        )
                    )
                    yield OpenedCorpus(
                        retriever=retriever,
                        opened=opened,
                        engine=engine,
                        cold_engine=cold_engine,
                        embedder=embedder,
                        settings=answer,
                        prepare=prepare,
                        pass_idle_s=idle.pass_s,
                    )

    @contextmanager
    def open_web_app(
        self, folder: Path, *, people: Sequence[str], generator: str
    ) -> Iterator[OpenedWebApp]:
        """Serve documents that all of these people may read."""
        from models.factory import FAKE_EMBEDDER, FAKES
        from ui.served import served

        embedder = FAKE_EMBEDDER if generator in FAKES else self._settings.models.embedder
        models = {"generator": generator, "embedder": embedder, "dir": self._settings.models.dir}
        with served(folder, people=people, models=models) as app:
            yield app

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


def _ignore(_chunk_ids: Sequence[ChunkId]) -> None:
    """Prepare nothing for what is always to be computed."""
