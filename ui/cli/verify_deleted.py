"""`plinth docs verify-deleted`: the proof that nothing is left of what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, one_line, print_json, say

if TYPE_CHECKING:
    from assistant.store.deletion_check import Look
    from assistant.store.types import DeletedDocument

EXIT_LEFT = 3
OUT_OF_REACH = (
    "a running web app forgets answers, passages and pictures within about a second of a deletion",
    "names of deleted documents stay in the audit log and in this record",
    "gold questions that people wrote or uploaded, with the quotes in them",
    "files that people downloaded, and the folders that documents were taken in from",
)


def verify_deleted(
    data_dir: DataDir,
    document: Annotated[
        str | None,
        typer.Argument(metavar="[DOCUMENT]", help="Id or name of a deleted document; else all."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that was deleted; the same as no DOCUMENT.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for deleted documents in every store and file, and say what was looked at.

    Exits with 3 where something is left, and names what removes it.

    Example: plinth docs verify-deleted old/handbook.pdf
    """
    from assistant.errors import UnknownNameError
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    if every and document is not None:
        raise typer.BadParameter("give a DOCUMENT or --all, not both")
    with open_catalog(data_dir) as catalog:
        deleted = catalog.deletions.deleted(document)
        if document is not None and not deleted:
            raise UnknownNameError(
                f"no deletion of {document!r} is recorded; `plinth audit --action deleted` shows "
                "what was deleted, also before deletions had a record"
            )
        looks = catalog.deletions.looks(deleted)
        n_backups = catalog.deletions.n_backups_before(deleted)
    if as_json:
        print_json(_to_json(deleted, looks, n_backups))
    else:
        _print(deleted, looks, n_backups)
    if any(look.left is not None for look in looks):
        raise typer.Exit(EXIT_LEFT)


def _to_json(
    deleted: tuple[DeletedDocument, ...], looks: tuple[Look, ...], n_backups: int
) -> dict[str, Any]:
    return {
        "deleted": [
            {
                "document_id": one.document_id,
                "document": one.document,
                "collection": one.collection,
                "by": one.by,
                "at": one.at,
            }
            for one in deleted
        ],
        "checks": [
            {
                "place": look.place,
                "looked_at": look.looked_at,
                "left": look.left,
                "remedy": look.remedy,
            }
            for look in looks
        ],
        "backups": n_backups,
    }


def _print(deleted: tuple[DeletedDocument, ...], looks: tuple[Look, ...], n_backups: int) -> None:
    for one in deleted if len(deleted) == 1 else ():
        what = f"{one.document} of collection {one.collection}"
        say(one_line(f"{what}, deleted {one.at} by {one.by}"))
    if len(deleted) != 1:
        say(f"{len(deleted):,} deleted documents")
    for look in looks:
        verdict = "nothing" if look.left is None else f"LEFT: {look.left}; {look.remedy}"
        say(one_line(f"{look.place:<32}{look.looked_at}: {verdict}"))
    for place in OUT_OF_REACH:
        note(f"not looked at: {place}")
    if n_backups:
        note(
            f"not looked at: {n_backups:,} backups were made before a deletion and may hold the "
            "document; remove those files"
        )
