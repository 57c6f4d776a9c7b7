"""`plinth eval`: measure the current corpus and models with gold questions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.measure import Asked, measure
from ui.cli.options import DataDir, Json
from ui.cli.suites import app as suites_app
from ui.cli.suites import open_suites, suite_json
from ui.cli.terminal import note, print_json, say
from ui.settings import load_settings

if TYPE_CHECKING:
    from evals.calibration import Fit
    from evals.report import Report
    from evals.runs import Progress

app = typer.Typer(help="Measure answers, citations and abstentions with gold questions.")
app.add_typer(suites_app, name="suites")

EXIT_GATE_MISSED = 3
NOTES_PER_RUN = 20
"""Lines of progress where stderr is no terminal."""

SUITE_HELP = "`sample`, a .jsonl or .csv file, or a suite of the catalog."
Html = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write one HTML file that needs no other."),
]


@app.command("run")
def run_suites(
    data_dir: DataDir,
    suites: Annotated[list[str], typer.Argument(metavar="SUITE…", help=SUITE_HELP)],
    tag: Annotated[str | None, typer.Option(help="Ask only cases with this tag.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask N cases drawn from each suite.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    gates: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="GATE",
            help="METRIC>=VALUE, METRIC<=VALUE or METRIC no worse than RUN [by VALUE]; exit 3 if "
            "it is not met.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask every case of the suites and score the replies; a stopped run continues.

    Example: plinth eval run sample --gate "containment>=0.5"
    """
    from assistant.store.catalog import open_catalog
    from evals.comparison import compare_runs
    from evals.errors import GateError
    from evals.gates import RunGate, missed_gates, parse_gate
    from evals.report import report_run
    from evals.runs import find_run

    try:
        bounds = [parse_gate(gate) for gate in gates or ()]
    except GateError as error:
        raise typer.BadParameter(str(error)) from error
    asked = Asked(
        suites=open_suites(data_dir, suites), tag=tag, sample=sample, seed=seed, gates=gates or ()
    )
    settings = load_settings(data_dir)
    with open_catalog(data_dir) as catalog:
        for bound in bounds:
            if isinstance(bound, RunGate):
                find_run(catalog.runs, bound.run)  # before an hour is spent
        run = measure(data_dir, settings, asked, catalog.runs, _progress_notes())
        report = report_run(run)
        _print_report(report, as_json=as_json)
        missed = list(
            missed_gates(
                bounds,
                {name: suite.figures for name, suite in report.suites.items()},
                lambda earlier: compare_runs(find_run(catalog.runs, earlier), run),
            )
        )
    for sentence in missed:
        note(sentence)
    if missed:
        raise typer.Exit(EXIT_GATE_MISSED)


@app.command("calibrate")
def calibrate(
    data_dir: DataDir,
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUITE…", help=SUITE_HELP),
    ] = None,
    most_wrong: Annotated[
        float,
        typer.Option(min=0, max=1, help="Largest share of the answers given that may be wrong."),
    ] = 0.1,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask N cases drawn from each suite.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    reset: Annotated[
        bool, typer.Option("--reset", help="Go back to the calibration that is shipped.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit confidence to this site's own questions, and choose how sure an answer must be.

    Asks every case, giving each answer however unsure; a stopped run continues.

    Example: plinth eval calibrate my-suite.jsonl --most-wrong 0.05
    """
    from assistant.calibration_file import write_calibration
    from assistant.store.layout import Layout

    path = Layout(data_dir).calibration
    if reset == bool(suites):
        raise typer.BadParameter("give suites to fit to, or --reset alone")
    if reset:
        was_there = path.exists()
        path.unlink(missing_ok=True)
        note("the shipped calibration is used again" if was_there else "it is in use already")
        return
    fitted = _fit(data_dir, suites or [], most_wrong, sample, seed)
    write_calibration(path, fitted.calibration)
    if as_json:
        print_json(fitted.to_json())
        return
    say(
        f"Fitted to {fitted.n} answers, {fitted.n_right} of them right. On answers that it was not "
        f"fitted to: calibration error {fitted.calibration_error:.3f}, area under the "
        f"risk-coverage curve {fitted.risk_area:.3f}. From a confidence of "
        f"{fitted.calibration.least:.2f} on, {fitted.share_answered:.0%} of them are given, of "
        f"which {fitted.share_wrong:.0%} are wrong."
    )
    note("a running server uses it from its next start on; --reset goes back")


def _fit(data_dir: Path, names: list[str], most_wrong: float, sample: int | None, seed: int) -> Fit:
    from assistant.prompts.library import prompt_version
    from assistant.store.catalog import open_catalog
    from evals.calibration import fit, labelled

    asked = Asked(suites=open_suites(data_dir, names), sample=sample, seed=seed)
    settings = load_settings(data_dir)
    settings = settings.model_copy(
        update={"answer": settings.answer.model_copy(update={"min_confidence": 0.0})}
    )
    with open_catalog(data_dir) as catalog:
        # What was fitted before changes confidences, not answers: an earlier run can be continued.
        run = measure(
            data_dir,
            settings,
            asked,
            catalog.runs,
            _progress_notes(),
            is_for_any_calibration=True,
        )
        examples = [
            example
            for suite in run.suites()
            for example in labelled(suite.cases, run.replies(suite.name))
        ]
    return fit(
        examples,
        most_wrong=most_wrong,
        generator=settings.models.generator,
        prompt_version=prompt_version(),
    )


@app.command("sweep")
def sweep(
    data_dir: DataDir,
    suites: Annotated[list[str], typer.Argument(metavar="SUITE…", help=SUITE_HELP)],
    choices: Annotated[
        list[str],
        typer.Option(
            "--try",
            metavar="SECTION.KEY=VALUE,VALUE",
            help="A setting and the values to try; several are combined.",
        ),
    ],
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask N cases drawn from each suite.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Measure models, chunk sizes or other settings on the same cases, each against the first.

    Settings of ingestion and the embedder take the documents in anew, in a folder that is removed.

    Example: plinth eval sweep sample --try answer.passages=3,5 --try ingest.chunk_tokens=120,180
    """
    from evals.html_report import sweep_to_html
    from evals.sweep import sweep_to_json, sweep_to_markdown
    from ui.cli.sweep import run_sweep

    results = run_sweep(
        data_dir,
        open_suites(data_dir, suites),
        choices,
        sample=sample,
        seed=seed,
        tell=note,
        progress=_progress_notes,
    )
    if html is not None:
        _write_page(html, sweep_to_html(results))
    if as_json:
        print_json(sweep_to_json(results))
    else:
        say(sweep_to_markdown(results), end="")


@app.command("compare")
def compare(
    data_dir: DataDir,
    left: Annotated[str, typer.Argument(metavar="RUN", help="The earlier run, or its beginning.")],
    right: Annotated[str, typer.Argument(metavar="RUN", help="The later run, or its beginning.")],
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Compare two runs case by case: differences with intervals and tests, and what flipped.

    Example: plinth eval compare 20260102 20260103 --html comparison.html
    """
    from assistant.store.catalog import open_catalog
    from evals.comparison import compare_runs
    from evals.comparison_report import comparison_to_json, comparison_to_markdown
    from evals.html_report import comparison_to_html
    from evals.runs import find_run

    with open_catalog(data_dir) as catalog:
        comparison = compare_runs(find_run(catalog.runs, left), find_run(catalog.runs, right))
    if html is not None:
        _write_page(html, comparison_to_html(comparison))
    if as_json:
        print_json(comparison_to_json(comparison))
    else:
        say(comparison_to_markdown(comparison), end="")


@app.command("list")
def list_all(data_dir: DataDir, as_json: Json = False) -> None:
    """List the suites that can be asked and the runs of this data dir, oldest first.

    Example: plinth eval list
    """
    from assistant.access import OPERATOR
    from assistant.store.catalog import open_catalog
    from evals.runs import list_runs
    from evals.suites import SAMPLE

    with open_catalog(data_dir) as catalog:
        runs = list_runs(catalog.runs)
        stored = catalog.suites.list(OPERATOR)
    if as_json:
        listed = [
            {
                "run": run.id,
                "started": run.started,
                "finished": run.finished,
                "suites": list(run.plan["suites"]),
            }
            for run in runs
        ]
        named = [SAMPLE.name, *(one.full_name for one in stored)]
        print_json({"suites": named, "stored": list(map(suite_json, stored)), "runs": listed})
        return
    say(f"shipped suite: {SAMPLE.name}")
    for one in stored:
        say(f"suite: {one.full_name}, version {one.latest.ordinal}, {one.latest.n_cases:,} cases")
    for run in runs:
        state = "finished" if run.finished else "stopped; the same command continues it"
        say(f"{run.id}  {', '.join(run.plan['suites'])}  {state}")


@app.command("report")
def score_again(
    data_dir: DataDir,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id or its beginning.")],
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Score the replies of a run again and print the report.

    Example: plinth eval report 20260102 --html report.html
    """
    from assistant.store.catalog import open_catalog
    from evals.html_report import run_to_html
    from evals.judged import judged_cases
    from evals.report import report_run
    from evals.runs import find_run

    with open_catalog(data_dir) as catalog:
        report = report_run(find_run(catalog.runs, run_id))
        if html is not None:
            _write_page(html, run_to_html(report, judged_cases(report.run)))
    _print_report(report, as_json=as_json)


@app.command("export")
def export(
    data_dir: DataDir,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id or its beginning.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made; there is none yet.")],
) -> None:
    """Write a run's cases and replies as files, a line each, for other programs to score.

    Example: plinth eval export 20260102 run-of-today
    """
    from assistant.store.catalog import open_catalog
    from evals.run_files import export_run
    from evals.runs import find_run

    with open_catalog(data_dir) as catalog:
        export_run(find_run(catalog.runs, run_id), folder)
    note(f"written: {folder}")


def _progress_notes() -> Callable[[Progress], None]:
    """Return a listener that notes every case on a terminal, and some of them elsewhere."""
    is_terminal = sys.stderr.isatty()
    started = time.monotonic()
    n_asked = 0

    def tell(progress: Progress) -> None:
        nonlocal n_asked
        n_asked += 1
        n_left = progress.n_total - progress.n_done
        step = 1 if is_terminal else max(1, progress.n_total // NOTES_PER_RUN)
        if progress.error is not None:
            note(f"{progress.suite}: {progress.error}")
        if progress.n_done % step == 0 or not n_left:
            left_s = (time.monotonic() - started) / n_asked * n_left
            note(f"{progress.n_done}/{progress.n_total} cases, about {left_s:.0f} s left")

    return tell


def _write_page(path: Path, page: str) -> None:
    from assistant.store.files import said_of_disk
    from evals.run_files import write_text

    with said_of_disk(path):
        write_text(path, page)
    note(f"written: {path}")


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
    else:
        say(report.to_markdown(), end="")
