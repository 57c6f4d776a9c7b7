"""The `plinth` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import os
import sys

import typer

from assistant.errors import AssistantError
from models.errors import ModelError
from models.waiting import waiting_policy
from ui.cli.terminal import log_level, printable

EXIT_ERROR = 1


def build_app() -> typer.Typer:
    """Compose the command line from its groups."""
    from ui.cli import (
        ask,
        audit,
        bench,
        collections,
        docs,
        doctor,
        evals,
        groups,
        ingest,
        models,
        search,
        serve,
        users,
        work,
    )

    app = typer.Typer(
        help="Answers from your own documents, every sentence proven.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.command("ingest")(ingest.ingest)
    app.command("search")(search.search)
    app.command("ask")(ask.ask)
    app.command("serve")(serve.serve)
    app.command("work", hidden=True)(work.work)
    app.command("doctor")(doctor.doctor)
    app.command("bench")(bench.bench)
    app.add_typer(docs.app, name="docs")
    app.add_typer(collections.app, name="collections")
    app.add_typer(groups.app, name="groups")
    app.add_typer(users.app, name="users")
    app.command("audit")(audit.audit)
    app.add_typer(models.app, name="models")
    app.add_typer(evals.app, name="eval")
    return app


def main() -> None:
    """Run the command line and exit with the codes of the contract.

    Typer itself ends usage errors with 2 and Ctrl-C with 130.
    """
    logging.basicConfig(
        level=log_level(),
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s",
    )
    # Threads of torch and FAISS that wait by spinning starve whatever else computes here.
    os.environ.update(waiting_policy())
    try:
        build_app()()
    except (AssistantError, ModelError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except Exception as error:  # the boundary: no traceback reaches a user
        logging.getLogger("plinth").debug("unexpected error", exc_info=error)
        print(
            f"error: unexpected {type(error).__name__}: {printable(str(error))}; "
            "run again with PLINTH_LOG=debug and report what it prints",
            file=sys.stderr,
        )
        sys.exit(EXIT_ERROR)


if __name__ == "__main__":
    main()
