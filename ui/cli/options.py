"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.settings import default_data_dir

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        help="Folder of the corpus; else PLINTH_DATA_DIR, else the user data folder.",
        default_factory=default_data_dir,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AsUser = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="See exactly what this user sees."),
]
Collection = Annotated[
    str | None,
    typer.Option("--collection", metavar="NAME", help="Look only in this collection."),
]
