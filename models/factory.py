"""From settings to models: the one place where concrete generators and embedders are chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.catalog import ModelEntry, Task, find_model
from models.errors import UnknownModelError
from models.files import require_weights
from models.fitting.record import file_in_use
from models.processors import multiplies_bfloat16, physical_cores
from models.protocols import Embedder, Generator
from models.settings import ModelsSettings, Precision

FAKE_GENERATOR = "fake-generator"
FAKE_EMBEDDER = "fake-embedder"
FAKES = (FAKE_GENERATOR, FAKE_EMBEDDER)


def build_generator(
    settings: ModelsSettings,
    blocks: Path | None = None,
    on_death: Callable[[str], None] = lambda _: None,
) -> Generator:
    """Return the generator of the settings; whoever calls closes it.

    Its process starts with the first request. The weights are the file fitted to this processor
    where there is one that agrees with everything and the settings do not forbid it.
    `fake-generator` names the stand-in.

    Args:
        settings: Which model, and how it runs.
        blocks: The folder where computed passages are kept; None: in memory only.
        on_death: Told how its process died, whenever it did.

    Raises:
        UnknownModelError: the name is not in the catalogue, or no generator's.
        ModelFileError: its file is missing or damaged; the message says what to run.
    """
    if settings.generator == FAKE_GENERATOR:
        from models.fakes import FakeGenerator

        return FakeGenerator(context_tokens=settings.context_tokens)
    model = _find(settings.generator, Task.GENERATE, settings.dir)
    file = file_in_use(model, settings.dir, use_fitted=settings.fitted == "auto")
    # Only whoever asks a question pays for this import.
    from models.llama.client import BlockSettings, LlamaGenerator

    return LlamaGenerator(
        model_path=file.path,
        name=model.name,
        sha256=file.sha256,
        prompt_format=str(model.prompt_format),
        context_tokens=min(
            settings.context_tokens, model.context_tokens or settings.context_tokens
        ),
        threads=settings.threads,
        parallel=settings.parallel,
        blocks=BlockSettings(
            folder=blocks,
            disk_bytes=settings.kept_bytes,
            memory_bytes=settings.kept_memory_bytes,
            bits=settings.kept_bits,
        ),
        on_death=on_death,
    )


def build_embedder(settings: ModelsSettings) -> Embedder:
    """Return the embedder of the settings; its weights load with the first text.

    `fake-embedder` names the stand-in.

    Raises:
        UnknownModelError: the name is not in the catalogue, or no embedder's.
        ModelFileError: its files are missing or damaged; the message says what to run.
    """
    if settings.embedder == FAKE_EMBEDDER:
        from models.fakes import FakeEmbedder

        return FakeEmbedder()
    model = _find(settings.embedder, Task.EMBED, settings.dir)
    _, sha256 = require_weights(model, settings.dir)
    # Only whoever embeds or counts tokens pays for this import.
    from models.embedding import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(
        folder=settings.dir / model.name,
        name=model.name,
        sha256=sha256,
        threads=settings.threads or physical_cores(),
        precision=embedder_precision(settings),
    )


def embedder_precision(settings: ModelsSettings) -> Precision:
    """Return in what the embedder of the settings computes on this processor."""
    if settings.embedder_precision != "auto":
        return settings.embedder_precision
    return "bfloat16" if multiplies_bfloat16() else "float32"


def _find(name: str, task: Task, models_dir: Path) -> ModelEntry:
    model = find_model(name, models_dir)
    if model.task is not task:
        raise UnknownModelError(
            f"model {name!r} is made to {model.task}, not to {task}; "
            "`plinth models list` shows what each is for"
        )
    return model
