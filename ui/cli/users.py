"""`plinth users`: people who sign in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.access import OPERATOR_NAME, Role
from ui.cli.corpus import open_people
from ui.cli.options import DataDir, Json
from ui.cli.terminal import confirm, note, print_json, say
from ui.settings import load_settings

if TYPE_CHECKING:
    from assistant.store.accounts import Accounts
    from assistant.store.catalog import Catalog

app = typer.Typer(help="People, their roles, groups and sign-in links.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(metavar="USER")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="GROUP", help="May be given several times.")
]


@app.command("list")
def list_users(data_dir: DataDir, as_json: Json = False) -> None:
    """List people with their roles and groups.

    Example: plinth users list
    """
    with open_people(data_dir) as (_, catalog):
        users = catalog.people.users()
    if as_json:
        values = [
            {
                "user": one.name,
                "role": one.role,
                "suspended": one.suspended,
                "groups": list(one.groups),
                "password": one.has_password,
                "provider": one.has_subject,
                "sessions": one.n_sessions,
            }
            for one in users
        ]
        print_json({"users": values})
        return
    for one in users:
        state = ", suspended" if one.suspended else ""
        groups = ", ".join(one.groups) or "no group"
        linked = "; signs in by the provider" if one.has_subject else ""
        say(f"{one.name}: {one.role}{state}; {groups}{linked}")
    if not users:
        say("No users.")


@app.command()
def add(
    data_dir: DataDir,
    user: UserName,
    role: Annotated[Role, typer.Option("--role", help="What the person does.")] = Role.EMPLOYEE,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """Add a person and print a link that signs this one in once.

    Example: plinth users add ann --group staff
    """
    with open_people(data_dir) as (people, catalog):
        people.add_user(user, role=role, groups=group or ())
        _print_link(data_dir, catalog, user, as_json=as_json)


@app.command()
def link(data_dir: DataDir, user: UserName, as_json: Json = False) -> None:
    """Print a new link that signs a person in once, for a forgotten password; earlier ones end.

    Example: plinth users link ann
    """
    with open_people(data_dir) as (_, catalog):
        _print_link(data_dir, catalog, user, as_json=as_json)


@app.command()
def change(
    data_dir: DataDir,
    user: UserName,
    role: Annotated[Role | None, typer.Option("--role", help="The new role.")] = None,
    group: Groups = None,
    no_groups: Annotated[
        bool, typer.Option("--no-groups", help="Take the person out of all groups.")
    ] = False,
) -> None:
    """Change a person's role, or put this one into exactly the given groups.

    Example: plinth users change ann --role evaluator --group staff --group board
    """
    if no_groups and group:
        raise typer.BadParameter("give --group or --no-groups, not both")
    if role is None and not group and not no_groups:
        raise typer.BadParameter("say what to change: --role, --group or --no-groups")
    with open_people(data_dir) as (people, _):
        people.change_user(user, role=role, groups=() if no_groups else group or None)


@app.command()
def suspend(data_dir: DataDir, user: UserName) -> None:
    """End a person's sessions and links, and let this one read nothing, until resumed.

    Example: plinth users suspend ann
    """
    with open_people(data_dir) as (people, _):
        people.change_user(user, suspended=True)


@app.command()
def resume(data_dir: DataDir, user: UserName) -> None:
    """End a suspension; the person signs in as before.

    Example: plinth users resume ann
    """
    with open_people(data_dir) as (people, _):
        people.change_user(user, suspended=False)


@app.command("sign-out")
def sign_out(data_dir: DataDir, user: UserName) -> None:
    """End all sessions of a person.

    Example: plinth users sign-out ann
    """
    with open_people(data_dir) as (_, catalog):
        n_ended = _accounts(data_dir, catalog).sign_out_everywhere(user, by=OPERATOR_NAME)
    note(f"{n_ended} sessions ended")


@app.command()
def unlink(data_dir: DataDir, user: UserName) -> None:
    """Forget which account at the identity provider is a person's, and end all sessions.

    Whoever signs in there under the person's name next is linked anew.

    Example: plinth users unlink ann
    """
    with open_people(data_dir) as (people, _):
        people.unlink_user(user)


@app.command()
def remove(
    data_dir: DataDir,
    user: UserName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person with all conversations; what this one did stays in the audit log.

    Example: plinth users remove ann --yes
    """
    confirm(f"Remove {user!r} with all conversations?", yes=yes)
    with open_people(data_dir) as (people, _):
        people.remove_user(user)


def _accounts(data_dir: Path, catalog: Catalog) -> Accounts:
    return catalog.accounts(load_settings(data_dir).sign_in)


def _print_link(data_dir: Path, catalog: Catalog, user: str, *, as_json: bool) -> None:
    from ui.addresses import link_address, server_address

    settings = load_settings(data_dir).sign_in
    secret = catalog.accounts(settings).make_link(user, by=OPERATOR_NAME)
    address = link_address(server_address(data_dir, settings), secret)
    if as_json:
        print_json({"user": user, "link": address})
        return
    note(f"this link signs {user} in once, within {settings.link_hours:g} hours:")
    say(address)
