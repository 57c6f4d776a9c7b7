"""`plinth eval sweep`: several settings on the same cases, each compared with the first."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ui.cli.measure import Asked, measure
from ui.settings import Settings, load_settings

if TYPE_CHECKING:
    from evals.report import Report
    from evals.runs import Progress
    from evals.suites import Suite
    from evals.sweep import Changes, Measured

REBUILDS = ("ingest.", "models.embedder")
"""Settings that decide what passages there are: documents are taken in anew for them."""


def run_sweep(
    data_dir: Path,
    suites: tuple[Suite, ...],
    choices: Sequence[str],
    *,
    sample: int | None,
    seed: int,
    tell: Callable[[str], None],
    progress: Callable[[], Callable[[Progress], None]],
) -> tuple[Measured, ...]:
    """Measure every variant; runs that were stopped continue.

    Args:
        data_dir: Whose documents are asked about; runs are kept in it.
        suites: What is asked.
        choices: Such as `answer.passages=3,5`.
        sample: Cases drawn from each suite.
        seed: Of the drawing.
        tell: Told what is measured next.
        progress: Returns what is told how far a variant is.

    Raises:
        SweepError: a choice is not one, or a document's original is missing where it is needed.
        SettingsError: a value is not valid.
    """
    from assistant.reply_json import with_document_ids
    from assistant.store.catalog import open_catalog
    from evals.report import report_run
    from evals.sweep import as_environment, measured, variants

    asked = Asked(suites=suites, sample=sample, seed=seed)
    tried = variants(choices)
    # All of them are checked before the first one is asked.
    settings = [load_settings(data_dir, {**os.environ, **as_environment(one)}) for one in tried]
    found: list[tuple[Changes, Report]] = []
    with open_catalog(data_dir) as catalog:
        for number, (changes, its_settings) in enumerate(zip(tried, settings, strict=True), 1):
            named = ", ".join(f"{key}={value}" for key, value in changes.items())
            tell(f"variant {number} of {len(tried)}: {named}")
            with _corpus_of(data_dir, changes, its_settings, tell) as (corpus, ids):
                run = measure(
                    data_dir,
                    its_settings,
                    asked,
                    catalog.runs,
                    progress(),
                    corpus=corpus,
                    # Deleting a document removes what was said of it here, too.
                    known_as=partial(with_document_ids, ids=ids),
                )
            found.append((changes, report_run(run)))
        return measured(found)


@contextmanager
def _corpus_of(
    data_dir: Path, changes: Changes, settings: Settings, tell: Callable[[str], None]
) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Give the data dir to ask, and what its documents are called in the given one.

    That is the given one, or a copy whose documents were taken in anew.
    """
    if not any(key.startswith(REBUILDS) for key in changes):
        yield data_dir, {}
        return
    with tempfile.TemporaryDirectory(prefix="plinth-sweep-") as folder:
        corpus = Path(folder) / "data"
        tell("taking the documents in anew for this variant")
        yield corpus, _take_in_anew(data_dir, Path(folder).resolve() / "files", corpus, settings)


def _take_in_anew(data_dir: Path, files: Path, corpus: Path, settings: Settings) -> dict[str, str]:
    """Make the copy; return the ids of the documents in the data dir, by those in the copy."""
    from assistant.access import OPERATOR
    from assistant.store.catalog import open_catalog
    from assistant.store.writer import open_writer
    from evals.errors import SweepError
    from ingest.pipeline import ingest
    from ingest.requests import prepare_collection
    from ingest.sources import find_files
    from models.factory import build_embedder

    sources: dict[tuple[str, str], Path] = {}
    ids: dict[tuple[str, str], str] = {}
    with open_catalog(data_dir) as catalog:
        for document in catalog.list_documents(OPERATOR):
            original = catalog.original(document.version)
            if original is None:
                raise SweepError(
                    f"the original of {document.document!r} is not kept, so it cannot be taken in "
                    "anew; leave out settings of ingestion and the embedder, or ingest it again"
                )
            key = (document.collection, document.source)
            folder = sources.setdefault(key, files / str(len(sources)))
            ids[str(folder), document.document] = document.document_id
            place = folder / document.document
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, place)
    embedder = build_embedder(settings.models)
    with open_writer(corpus) as writer:
        for (collection, _), folder in sources.items():
            prepare_collection(writer, collection, ())
            ingest(
                find_files([folder], leave_out=corpus),
                collection=collection,
                writer=writer,
                embedder=embedder,
                settings=settings.ingest,
            )
        return {
            one.document_id: ids.get((one.source, one.document), one.document_id)
            for one in writer.catalog.list_documents(OPERATOR)
        }
