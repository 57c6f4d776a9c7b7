"""`plinth doctor`: do environment, settings, models and what the data dir holds agree?"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import AssistantError, StoreError, WriterBusyError
from models.errors import ModelError
from ui.calibrating import site_calibration
from ui.cli import data_dir_checks as checks
from ui.cli.options import DataDir, Json
from ui.cli.terminal import one_line, print_json, say
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
        bool, typer.Option("--repair", help="First mend what can be mended without a backup.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine environment, settings, models, catalog, index, originals and audit log.

    Exits with 3 when something is wrong, naming the command that mends it. Changes and deletes
    nothing, unless told to repair: then the index is made anew from the catalog, damaged vectors
    are dropped, and damaged originals copied again from where they were taken in. Documents,
    people and rights stay as they are.

    Example: plinth doctor --repair
    """
    examined = tuple(examine(data_dir, repair=repair))
    if as_json:
        listed = [{"check": c.name, "fault": c.fault, "detail": c.detail} for c in examined]
        print_json({"checks": listed})
    else:
        for check in examined:
            mark = "ok   " if check.fault is None else "FAULT"
            say(one_line(f"{mark} {check.name}: {check.fault or check.detail}"))
    if any(check.fault for check in examined):
        raise typer.Exit(EXIT_FAULT)


def examine(data_dir: Path, *, repair: bool = False) -> Iterator[Check]:
    """Yield the checks in the order in which later ones depend on earlier ones.

    Args:
        data_dir: The data dir.
        repair: Mend what can be mended before it is examined.

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
    if settings.openid.is_on:
        yield _check("identity provider", partial(_provider, settings))
    yield _check("calibration", partial(_calibration, data_dir, settings))
    yield _check("parser processes", _confinement)
    yield _check("scanned pages", partial(_ocr, settings))
    for name, look in (("data dir", checks.writable), ("places", checks.in_order)):
        yield (folder := _check(name, partial(look, data_dir)))
        if folder.fault:
            return  # what follows would only repeat it
    yield _check("rights", partial(checks.private, data_dir))
    if repair:
        yield _check("repair", lambda: "; ".join(checks.repaired(data_dir)))
    yield from _examine_corpus(data_dir, settings)


def _calibration(data_dir: Path, settings: Settings) -> str:
    calibration, reason = site_calibration(data_dir, settings)
    if reason is not None:
        return f"{reason} (`plinth eval calibrate`)"
    if not calibration.fitted:
        return "the shipped one"
    return f"fitted to {calibration.fitted['answers']} answers of this site"


def _examine_corpus(data_dir: Path, settings: Settings) -> Iterator[Check]:
    from assistant.store.catalog import open_catalog

    try:
        with open_catalog(data_dir) as catalog:
            yield (rows := _check("catalog", partial(checks.sound_catalog, catalog)))
            if rows.fault:
                return  # what follows would only repeat it
            yield _check("vectors", partial(checks.sound_vectors, catalog))
            yield _check("index", partial(checks.sound_index, catalog, settings))
            yield _check("files", partial(checks.sound_files, catalog))
            yield _check("evaluations", partial(checks.sound_runs, catalog))
            yield _check("audit log", partial(checks.sound_audit_log, catalog))
    except WriterBusyError:
        raise  # says nothing about what is examined
    except StoreError as error:
        yield Check(name="catalog", fault=str(error))


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


def _provider(settings: Settings) -> str:
    from ui.web.openid_extra import build_openid

    build_openid(settings.openid)
    return f"people sign in by {settings.openid.issuer}, which is not asked here"


def _confinement() -> str:
    from ingest.parsing.sandbox import examine_confinement

    if gaps := examine_confinement().gaps:
        return f"confined as far as this kernel can; not held here: {'; '.join(gaps)}"
    return "open no file but their input, no connection and no other program"


def _ocr(settings: Settings) -> str:
    from ingest.errors import IngestError
    from ingest.ocr import examine_ocr

    wanted = settings.ingest.ocr_languages
    if not wanted:
        return "are not read (ingest.ocr_languages is empty)"
    found = examine_ocr(settings.ingest)
    if found.version is None:
        return "are not read; `sudo apt install tesseract-ocr` if they should be"
    if missing := [language for language in wanted if language not in found.languages]:
        packages = " ".join(f"tesseract-ocr-{name.replace('_', '-').lower()}" for name in missing)
        raise IngestError(
            f"Tesseract lacks {', '.join(missing)}; `sudo apt install {packages}`, or change "
            "ingest.ocr_languages"
        )
    return f"are read by Tesseract {found.version} in {', '.join(found.languages)}"
