"""`plinth audit`: who did what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.options import DataDir, Json
from ui.cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from assistant.store.types import AuditEntry


def audit(
    data_dir: DataDir,
    user: Annotated[str | None, typer.Option("--user", help="Only what this one did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only of this kind, as 'signed in'.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only from this day or time on (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Only before this day or time (UTC).")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="Only where the subject holds this.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Show the audit log, newest first; `plinth doctor` checks that nobody changed it.

    Example: plinth audit --user ann --since 2026-03-01
    """
    from assistant.errors import UnknownNameError
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.types import AuditAction

    kinds = {one.value: one for one in AuditAction}
    if action is not None and action not in kinds:
        raise UnknownNameError(f"no action {action!r}; there are {', '.join(kinds)}")
    with open_catalog(data_dir) as catalog:
        entries = catalog.audit.entries(
            actor=user,
            action=kinds.get(action or ""),
            since=since,
            until=until,
            text=text,
            limit=limit,
        )
    if as_json:
        print_json({"entries": [entry.to_json() for entry in entries]})
        return
    for entry in entries:
        say(one_line(_line(entry)))
    if not entries:
        say("No entries.")


def _line(entry: AuditEntry) -> str:
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    return f"{entry.at}  {entry.actor}  {entry.action.value}  {entry.subject}  {details}".rstrip()
