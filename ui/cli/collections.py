"""`plinth collections`: documents that are granted together."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.corpus import open_people
from ui.cli.hand_over import change
from ui.cli.options import DataDir, Json
from ui.cli.terminal import confirm, note, print_json, say

app = typer.Typer(
    help="Collections of documents and the groups that may read them.", no_args_is_help=True
)

CollectionName = Annotated[str, typer.Argument(metavar="COLLECTION")]
GroupName = Annotated[str, typer.Argument(metavar="GROUP")]


@app.command("list")
def list_collections(data_dir: DataDir, as_json: Json = False) -> None:
    """List collections and the groups that may read them.

    Example: plinth collections list
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        collections = catalog.people.collections()
    if as_json:
        values = [
            {"collection": one.name, "documents": one.n_documents, "groups": list(one.groups)}
            for one in collections
        ]
        print_json({"collections": values})
        return
    for one in collections:
        readers = ", ".join(one.groups) or "admins only"
        say(f"{one.name}: {one.n_documents:,} documents, read by {readers}")
    if not collections:
        say("No collections.")


@app.command()
def add(data_dir: DataDir, collection: CollectionName) -> None:
    """Add an empty collection, which only admins may read until it is granted.

    Example: plinth collections add hr
    """
    with open_people(data_dir) as (people, _):
        people.add_collection(collection)


@app.command()
def remove(
    data_dir: DataDir,
    collection: CollectionName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a collection with all its documents and grants.

    Example: plinth collections remove hr --yes
    """
    from assistant.store.changes import Change  # heavy: not for --help

    confirm(f"Delete collection {collection!r} with all its documents?", yes=yes)
    change(data_dir, Change.REMOVE_COLLECTION, name=collection)
    note(f"removed {collection!r}")


@app.command()
def grant(data_dir: DataDir, collection: CollectionName, group: GroupName) -> None:
    """Let a group read a collection.

    Example: plinth collections grant hr staff
    """
    with open_people(data_dir) as (people, _):
        people.grant(collection, group)


@app.command()
def revoke(data_dir: DataDir, collection: CollectionName, group: GroupName) -> None:
    """Stop a group from reading a collection.

    Example: plinth collections revoke hr staff
    """
    with open_people(data_dir) as (people, _):
        people.revoke(collection, group)
