"""`plinth models`: see, get, fit, verify and import model files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.catalog import ModelEntry, PromptFormat, Task, find_model, known_models
from models.errors import ModelError, ModelFileError
from models.factory import FAKES
from models.files import FileCheck, FileState, Progress, check_files, verify_files
from models.fitting.record import file_in_use, only_fitted, read_record, record_path
from models.settings import ModelsSettings
from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, print_json, say
from ui.settings import load_settings

if TYPE_CHECKING:
    from models.fitting.record import Record

app = typer.Typer(
    help="Models: see, get, fit, verify and import their files.", no_args_is_help=True
)

_SECONDS_BETWEEN_LINES = 5.0

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Catalogue names.", show_default=False),
]


@app.command("list", epilog="Example: plinth models list --json")
def list_models(data_dir: DataDir, as_json: Json = False) -> None:
    """Show every known model and whether its files are here."""
    settings = load_settings(data_dir).models
    rows = [_describe(model, settings) for model in known_models(settings.dir)]
    if as_json:
        print_json({"models_dir": str(settings.dir), "models": rows})
        return
    for row in rows:
        mark = "*" if row["default"] else " "
        size = f"{row['bytes'] / 1e6:,.0f} MB"
        say(
            f"{mark} {row['name']:30} {row['task']:8} {size:>9}  {row['state']:9} "
            f"{row['title']}; {row['licence']}"
        )
        if row["file"] is not None and row["task"] == Task.GENERATE:
            say(f"    {row['file']['reason']}")


@app.command("pull", epilog="Example: plinth models pull qwen2.5-coder-0.5b-instruct")
def pull_models(data_dir: DataDir, names: Names = None, as_json: Json = False) -> None:
    """Get models; without a NAME the generator and embedder of the settings.

    May be interrupted at any point and repeated: it continues where it stopped. A generator is then
    fitted to the processor, unless the settings say models.fitted = "off".
    """
    from models.pull import pull

    settings = load_settings(data_dir).models
    wanted = names or [
        name for name in (settings.generator, settings.embedder) if name not in FAKES
    ]
    models = _chosen(wanted, settings.dir)
    rows = []
    for model in models:
        with _progress(model) as on_progress:
            was_fetched = pull(model, settings.dir, on_progress)
        rows.append({"name": model.name, "status": "fetched" if was_fetched else "present"})
        if not as_json:
            say(f"{model.name}: {'fetched and verified' if was_fetched else 'already here'}")
        if model.task is Task.GENERATE and settings.fitted == "auto":
            _fit_if_possible(model, settings)
    if as_json:
        print_json({"models": rows})


@app.command("fit", epilog="Example: plinth models fit qwen2.5-coder-1.5b-instruct --again")
def fit_models(
    data_dir: DataDir,
    names: Names = None,
    again: Annotated[
        bool, typer.Option("--again", help="Measure anew even if nothing has changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Choose the fastest weight file for this processor; without a NAME, of the generator in use.

    What candidates gain is predicted in seconds; promising ones are made and measured in turn with
    the original. One is used only if it is faster and predicts the same; the original is kept.
    """
    from models.fitting.fit import fit

    settings = load_settings(data_dir).models
    wanted = names or [name for name in (settings.generator,) if name not in FAKES]
    rows = []
    for model in _chosen(wanted, settings.dir):
        with _progress(model) as on_progress:
            record = fit(
                model,
                settings.dir,
                threads=settings.threads,
                again=again,
                on_progress=on_progress,
            )
        rows.append({"name": model.name, "file": _file(model, settings), **_fitting(record)})
        if not as_json:
            _print_record(model.name, record)
            say(f"{model.name}: {_reason_of_file(model, settings)}")
    if as_json:
        print_json({"models": rows})


@app.command("verify", epilog="Example: plinth models verify all-minilm-l6-v2")
def verify_models(data_dir: DataDir, names: Names = None, as_json: Json = False) -> None:
    """Read model files whole and compare them with the catalogue; without a NAME all that are here.

    Exits with 1 if a file is missing or damaged.
    """
    settings = load_settings(data_dir).models
    if names:
        models = _chosen(names, settings.dir)
    else:
        models = [model for model in known_models(settings.dir) if _is_here(model, settings.dir)]
    checks = [(model, check) for model in models for check in _verify(model, settings.dir)]
    if as_json:
        files = [
            {
                "name": model.name,
                "path": check.file.path,
                "state": check.state,
                "sha256": check.sha256,
            }
            for model, check in checks
        ]
        print_json({"files": files})
    else:
        for model, check in checks:
            say(f"{check.state:8} {model.name}/{check.file.path}")
    wrong = sorted({model.name for model, check in checks if check.state is not FileState.OK})
    if wrong:
        raise ModelFileError(
            f"files of {', '.join(wrong)} are missing or damaged; "
            f"run `plinth models pull {' '.join(wrong)}`"
        )


@app.command("import", epilog="Example: plinth models import our-model ./model.gguf")
def import_model(
    name: Annotated[str, typer.Argument(help="A catalogue name, or a new one for a GGUF file.")],
    file: Annotated[Path, typer.Argument(help="The file, or the folder with a model's files.")],
    data_dir: DataDir,
    prompt_format: Annotated[
        PromptFormat | None,
        typer.Option(help="Of a new name: how the model marks turns; chatml if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy a model from a local file into the models folder."""
    from models.importing import import_file

    settings = load_settings(data_dir).models
    model = import_file(name, file, settings.dir, prompt_format)
    if as_json:
        print_json(_describe(model, settings))
    else:
        say(f"{model.name}: imported from {file}")


def _chosen(names: Sequence[str], models_dir: Path) -> list[ModelEntry]:
    """Find all models before anything is done to the first of them."""
    return [find_model(name, models_dir) for name in names]


def _is_here(model: ModelEntry, models_dir: Path) -> bool:
    return any((models_dir / model.name / file.path).exists() for file in model.files)


def _verify(model: ModelEntry, models_dir: Path) -> tuple[FileCheck, ...]:
    """Check a model's own files and the one fitted to this processor, where there is one."""
    checks = verify_files(model, models_dir)
    record = read_record(record_path(model, models_dir))
    if record is None or record.fitted is None:
        return checks
    return checks + verify_files(only_fitted(model, record.fitted), models_dir)


def _fit_if_possible(model: ModelEntry, settings: ModelsSettings) -> None:
    """Fit a model that was pulled; a failure is noted, as the original works as well."""
    from models.fitting.fit import fit

    try:
        with _progress(model) as on_progress:
            fit(model, settings.dir, threads=settings.threads, on_progress=on_progress)
        note(f"{model.name}: {_reason_of_file(model, settings)}")
    except ModelError as error:
        note(f"{model.name}: not fitted to this processor: {error}")


def _reason_of_file(model: ModelEntry, settings: ModelsSettings) -> str:
    """Say which weight file is in use, and why."""
    return file_in_use(model, settings.dir, use_fitted=settings.fitted == "auto").reason


def _file(model: ModelEntry, settings: ModelsSettings) -> dict[str, Any]:
    file = file_in_use(model, settings.dir, use_fitted=settings.fitted == "auto")
    return {
        "path": str(file.path),
        "sha256": file.sha256,
        "fitted": file.is_fitted,
        "reason": file.reason,
    }


def _fitting(record: Record) -> dict[str, Any]:
    return {
        "processor": record.processor,
        "build": record.build,
        "threads": record.threads,
        "recipe": record.recipe,
        "attempts": [attempt.model_dump(mode="json") for attempt in record.attempts],
    }


def _print_record(name: str, record: Record) -> None:
    for attempt in record.attempts:
        trial = attempt.trial()
        found = (
            ""
            if trial is None
            else (f"prefill {trial.prefill_ratio:.2f} x, decode {trial.decode_ratio:.2f} x")
        )
        if trial is not None and trial.closeness is not None:
            found += (
                f", mean KL {trial.closeness.mean_kl:.3f}, "
                f"same token {trial.closeness.agreement:.3f}"
            )
        verdict = attempt.refusal or "good enough"
        say(f"{name}: {attempt.recipe}: {found}{'; ' if found else ''}{verdict}")


def _describe(model: ModelEntry, settings: ModelsSettings) -> dict[str, Any]:
    if _is_here(model, settings.dir):
        states = {check.state for check in check_files(model, settings.dir)}
        state = "ready" if states == {FileState.OK} else "damaged"
    else:
        state = "absent"
    return {
        "name": model.name,
        "title": model.title,
        "task": model.task,
        "licence": model.licence,
        "parameters": model.parameters,
        "context_tokens": model.context_tokens,
        "prompt_format": model.prompt_format,
        "bytes": model.bytes,
        "state": state,
        "file": _file(model, settings) if state == "ready" else None,
        "default": model.name in (settings.generator, settings.embedder),
    }


@contextmanager
def _progress(model: ModelEntry) -> Iterator[Progress]:
    """Show progress on stderr: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _line_printer(model.name)
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(model.name, total=None)

        def show(*, done_bytes: int, total_bytes: int, message: str) -> None:
            bars.update(
                bar,
                completed=done_bytes,
                total=total_bytes or None,
                description=f"{model.name}: {message}",
            )

        yield show


def _line_printer(name: str) -> Progress:
    started = time.monotonic()
    last_printed = -_SECONDS_BETWEEN_LINES
    first_bytes: int | None = None  # what an earlier pull left says nothing of today's speed

    def show(*, done_bytes: int, total_bytes: int, message: str) -> None:
        nonlocal last_printed, first_bytes
        now = time.monotonic()
        first_bytes = done_bytes if first_bytes is None else first_bytes
        if now - last_printed < _SECONDS_BETWEEN_LINES:
            return
        last_printed = now
        line = f"{name}: {message}"
        if total_bytes:
            line += f", {done_bytes / 1e6:,.0f} of {total_bytes / 1e6:,.0f} MB"
        if done_bytes > first_bytes:
            left_s = (now - started) * (total_bytes - done_bytes) / (done_bytes - first_bytes)
            line += f", about {left_s:,.0f} s left"
        note(line)

    return show
