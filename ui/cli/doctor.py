"""`plinth doctor`: do environment, settings, models, catalog and index agree?"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import AssistantError, StoreError, WriterBusyError
from models.errors import ModelError
from ui.cli.options import DataDir, Json
from ui.cli.terminal import print_json, printable
from ui.settings import Settings, load_settings

EXIT_FAULT = 3
LIBRARIES = ("faiss", "llama_cpp", "sqlalchemy", "tokenizers", "pypdf", "pypdfium2")
"""Compiled or essential libraries whose absence shows an incomplete environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing examined."""

    name: str
    fault: str | None
    """What is wrong and which command mends it; None when all is well."""
    detail: str = ""


def doctor(
    data_dir: DataDir,
    repair: Annotated[
        bool, typer.Option("--repair", help="First make the index anew from the catalog.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine environment, settings, models, catalog and index.

    Exits with 3 when something is wrong, naming the command that mends it. Changes nothing, unless
    told to repair: then the index, which can always be made from the catalog, is made anew.
    Documents, people and rights stay as they are.

    Example: plinth doctor --repair
    """
    checks = tuple(examine(data_dir, repair=repair))
    if as_json:
        listed = [{"check": c.name, "fault": c.fault, "detail": c.detail} for c in checks]
        print_json({"checks": listed})
    else:
        for check in checks:
            mark = "ok   " if check.fault is None else "FAULT"
            print(printable(f"{mark} {check.name}: {check.fault or check.detail}"))
    if any(check.fault for check in checks):
        raise typer.Exit(EXIT_FAULT)


def examine(data_dir: Path, *, repair: bool = False) -> Iterator[Check]:
    """Yield the checks in the order in which later ones depend on earlier ones.

    Args:
        data_dir: The data dir.
        repair: Rebuild the index before it is examined.

    Raises:
        WriterBusyError: another process kept writing.
    """
    yield _check("environment", _libraries)
    try:
        settings = load_settings(data_dir)
    except AssistantError as error:
        yield Check(name="settings", fault=str(error))
        return
    yield Check(name="settings", fault=None, detail=f"data dir {data_dir}")
    for name in (settings.models.generator, settings.models.embedder):
        yield _check(f"model {name}", partial(_weights, name, settings))
    yield _check("data dir", partial(_writable, data_dir))
    if repair:
        yield _check("repair", partial(_rebuild_index, data_dir))
    yield _check("catalog and index", partial(_corpus, data_dir, settings))
    yield _check("audit log", partial(_audit_log, data_dir))


def _check(name: str, examine_it: Callable[[], str]) -> Check:
    try:
        return Check(name=name, fault=None, detail=examine_it())
    except WriterBusyError:
        raise  # says nothing about what is examined
    except (AssistantError, ModelError) as error:
        return Check(name=name, fault=str(error))


def _libraries() -> str:
    for library in LIBRARIES:
        try:
            importlib.import_module(library)
        except ImportError as error:
            raise ModelError(f"{library} cannot be loaded ({error}); run `make setup`") from error
    return f"{len(LIBRARIES)} libraries load"


def _weights(name: str, settings: Settings) -> str:
    from models.catalog import find_model
    from models.factory import FAKES, embedder_precision
    from models.fitting.record import file_in_use

    if name in FAKES:
        return "a stand-in for tests"
    file = file_in_use(
        find_model(name, settings.models.dir),
        settings.models.dir,
        use_fitted=settings.models.fitted == "auto",
    )
    if name == settings.models.embedder:
        return f"{file.path} (computed in {embedder_precision(settings.models)})"
    return f"{file.path} ({file.reason})"


def _writable(data_dir: Path) -> str:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            return "can be written"
    except OSError as error:
        raise StoreError(
            f"{data_dir} cannot be written ({error.strerror}); "
            "give another --data-dir or its rights to this user"
        ) from error


def _rebuild_index(data_dir: Path) -> str:
    from assistant.store.writer import open_writer

    with open_writer(data_dir) as writer:
        if not writer.catalog.current_generation():
            return "nothing was ingested yet, so there is no index to rebuild"
        generation = writer.rebuild_index()
        n_chunks = writer.catalog.counts().n_live_chunks
        return f"index rebuilt from the catalog as generation {generation}: {n_chunks:,} chunks"


def _audit_log(data_dir: Path) -> str:
    from assistant.store.catalog import open_catalog

    with open_catalog(data_dir) as catalog:
        problems = catalog.audit.problems()
        if problems:
            raise StoreError("; ".join(problems))
        newest = catalog.audit.entries(limit=1)
        return f"{newest[0].entry_id if newest else 0:,} entries, each as it was written"


def _corpus(data_dir: Path, settings: Settings) -> str:
    from assistant.errors import IndexDamagedError, IndexMismatchError
    from assistant.store.catalog import open_catalog
    from models.factory import build_embedder

    with open_catalog(data_dir) as catalog:
        problems = catalog.problems()
        if problems:
            raise IndexDamagedError("; ".join(problems))
        index = catalog.open_index(reuse={})
        fingerprint = build_embedder(settings.models).info.fingerprint
        if index.generation and index.embedder_fingerprint != fingerprint:
            raise IndexMismatchError(
                f"the index was made with another embedder than {settings.models.embedder!r}; "
                "set models.embedder back, or ingest into a new data dir"
            )
        counts = catalog.counts()
        return (
            f"generation {index.generation}: {counts.n_documents} documents, "
            f"{counts.n_live_chunks} chunks in {counts.n_segments} segments, "
            f"{counts.n_rejected} rejected files"
            + (
                f"; {counts.n_unembedded} chunks are found by their words and get their vectors "
                "with the next ingest"
                if counts.n_unembedded
                else ""
            )
        )
