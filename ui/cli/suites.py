"""`plinth eval suites`: the suites of the catalog, into it and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.options import DataDir, Json
from ui.cli.terminal import confirm, note, print_json, say

if TYPE_CHECKING:
    from assistant.store.suite_types import StoredSuite
    from evals.suites import Suite

app = typer.Typer(help="Suites of the catalog, with all their versions.", no_args_is_help=True)

SuiteName = Annotated[
    str, typer.Argument(metavar="SUITE", help="Its name, or COLLECTION/NAME.", show_default=False)
]


@app.command("list")
def list_suites(data_dir: DataDir, as_json: Json = False) -> None:
    """List the suites of the catalog with their newest versions.

    Example: plinth eval suites list
    """
    from assistant.access import OPERATOR
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        suites = catalog.suites.list(OPERATOR)
    if as_json:
        print_json({"suites": list(map(suite_json, suites))})
        return
    for one in suites:
        say(_line(one))
    if not suites:
        say("No suites; `plinth eval suites import FILE --collection NAME` brings one.")


@app.command("import")
def import_file(
    data_dir: DataDir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl or .csv file.")],
    collection: Annotated[
        str,
        typer.Option("--collection", metavar="NAME", help="Whose documents it asks about."),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the suite; else the file's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a suite file into the catalog; where there is a suite of the name, as its next version.

    Example: plinth eval suites import hr.jsonl --collection hr
    """
    from assistant.access import OPERATOR, OPERATOR_NAME
    from assistant.store.catalog import open_catalog
    from evals.stored_suites import import_suite, suite_name
    from evals.suites import load_suite

    called = name or suite_name(file.name)
    loaded = load_suite(file)
    with open_catalog(data_dir) as catalog:
        stored = import_suite(
            catalog.suites,
            loaded,
            OPERATOR,
            name=called,
            collection=collection,
            by=OPERATOR_NAME,
        )
    if as_json:
        print_json(suite_json(stored))
    else:
        say(_line(stored))


@app.command("export")
def export_file(
    data_dir: DataDir,
    suite: SuiteName,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Else to stdout; replaced if it is there.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="An earlier version; else the newest.")
    ] = None,
) -> None:
    """Write a suite as JSON Lines, which can be imported again and asked as a file.

    Example: plinth eval suites export hr --output hr.jsonl
    """
    from assistant.access import OPERATOR
    from assistant.store.catalog import open_catalog
    from assistant.store.files import said_of_disk
    from evals.run_files import write_text
    from evals.stored_suites import export_suite

    with open_catalog(data_dir) as catalog:
        stored = catalog.suites.find(suite, OPERATOR)
        cases = catalog.suites.cases(stored.suite_id, OPERATOR, version)
    text = export_suite(cases).decode()
    if output is None:
        say(text, end="")
        return
    with said_of_disk(output):
        write_text(output, text)
    note(f"written: {output}, {len(cases):,} cases")


@app.command("delete")
def delete(
    data_dir: DataDir,
    suite: SuiteName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a suite with all its versions; runs of it stay.

    Example: plinth eval suites delete hr --yes
    """
    from assistant.access import OPERATOR, OPERATOR_NAME
    from assistant.store.catalog import open_catalog

    with open_catalog(data_dir) as catalog:
        stored = catalog.suites.find(suite, OPERATOR)
        confirm(f"Delete suite {stored.full_name!r} with all its versions?", yes=yes)
        catalog.suites.delete(stored.suite_id, OPERATOR, by=OPERATOR_NAME)
    note(f"deleted {stored.full_name!r}")


def open_suites(data_dir: Path, names: list[str]) -> tuple[Suite, ...]:
    """Return suites by what commands call them: `sample`, files, suites of the catalog.

    Raises:
        SuiteError: one is not there or not valid.
    """
    from assistant.access import OPERATOR
    from assistant.store.catalog import open_catalog
    from evals.stored_suites import open_suite

    with open_catalog(data_dir) as catalog:
        return tuple(open_suite(name, catalog.suites, OPERATOR) for name in names)


def suite_json(one: StoredSuite) -> dict[str, object]:
    """Return a suite as commands print it."""
    return {
        "suite": one.name,
        "collection": one.collection,
        "version": one.latest.ordinal,
        "sha256": one.latest.sha256,
        "cases": one.latest.n_cases,
        "saved_by": one.latest.saved_by,
        "saved_at": one.latest.saved_at,
        "change": one.latest.change,
    }


def _line(one: StoredSuite) -> str:
    latest = one.latest
    return (
        f"{one.full_name}: {latest.n_cases:,} cases, version {latest.ordinal} "
        f"({latest.sha256[:12]}), saved by {latest.saved_by} at {latest.saved_at[:16]}"
    )
