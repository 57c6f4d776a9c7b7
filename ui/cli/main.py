"""The `plinth` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import os
import sys

import typer

from assistant.errors import AssistantError
from models.errors import ModelError
from models.waiting import waiting_policy
from ui.cli.terminal import LogFormatter, log_level, note, one_line

EXIT_ERROR = 1
MODELS = "models"
PRIVATE = 0o077
"""Rights that nobody but the owner of a new file has."""


def build_app() -> typer.Typer:
    """Compose the command line from its groups."""
    from ui.cli import (
        ask,
        audit,
        backup,
        bench,
        collections,
        docs,
        doctor,
        evals,
        groups,
        ingest,
        models,
        queue,
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
    app.callback()(_keep_private)
    app.command("ingest")(ingest.ingest)
    app.command("search")(search.search)
    app.command("ask")(ask.ask)
    app.command("serve")(serve.serve)
    app.command("work", hidden=True)(work.work)
    app.command("doctor")(doctor.doctor)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore)
    app.command("bench")(bench.bench)
    app.add_typer(queue.app, name="queue")
    app.add_typer(docs.app, name="docs")
    app.add_typer(collections.app, name="collections")
    app.add_typer(groups.app, name="groups")
    app.add_typer(users.app, name="users")
    app.command("audit")(audit.audit)
    app.add_typer(models.app, name=MODELS)
    app.add_typer(evals.app, name="eval")
    return app


def _keep_private(context: typer.Context) -> None:
    # What is made from documents is for who made it; weights may be for all on the machine.
    if context.invoked_subcommand != MODELS:
        os.umask(PRIVATE)


def main() -> None:
    """Run the command line and exit with the codes of the contract.

    Typer itself ends usage errors with 2 and Ctrl-C with 130.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter())
    logging.basicConfig(level=log_level(), handlers=[handler])
    # Threads of torch and FAISS that wait by spinning starve whatever else computes here.
    os.environ.update(waiting_policy())
    try:
        build_app()()
    except (AssistantError, ModelError) as error:
        note(one_line(f"error: {error}"))
        sys.exit(EXIT_ERROR)
    except Exception as error:  # the boundary: no traceback reaches a user
        logging.getLogger("plinth").debug("unexpected error", exc_info=error)
        note(
            one_line(
                f"error: unexpected {type(error).__name__}: {error}; "
                "run again with PLINTH_LOG=debug and report what it prints"
            )
        )
        sys.exit(EXIT_ERROR)


if __name__ == "__main__":
    main()
