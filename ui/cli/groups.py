"""`plinth groups`: people who read the same collections."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli.corpus import open_people
from ui.cli.options import DataDir, Json
from ui.cli.terminal import print_json, say

app = typer.Typer(help="Groups of people.", no_args_is_help=True)

GroupName = Annotated[str, typer.Argument(metavar="GROUP")]


@app.command("list")
def list_groups(data_dir: DataDir, as_json: Json = False) -> None:
    """List groups, their members and what they may read.

    Example: plinth groups list
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        groups = catalog.people.groups()
    if as_json:
        values = [
            {
                "group": one.name,
                "users": list(one.users),
                "collections": list(one.collections),
                "documents": list(one.documents),
            }
            for one in groups
        ]
        print_json({"groups": values})
        return
    for one in groups:
        users = ", ".join(one.users) or "nobody"
        read = [*one.collections]
        if one.documents:
            read.append(f"{len(one.documents)} documents granted one by one")
        say(f"{one.name}: {users}; reads {', '.join(read) or 'nothing'}")
    if not groups:
        say("No groups.")


@app.command()
def add(data_dir: DataDir, group: GroupName) -> None:
    """Add a group without members.

    Example: plinth groups add staff
    """
    with open_people(data_dir) as (people, _):
        people.add_group(group)


@app.command()
def remove(data_dir: DataDir, group: GroupName) -> None:
    """Remove a group, its memberships and its grants.

    Example: plinth groups remove staff
    """
    with open_people(data_dir) as (people, _):
        people.remove_group(group)
