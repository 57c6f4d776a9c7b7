from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from ingest.types import FileStatus, RejectReason
from ui.cli.main import build_app

PROJECT = Path(__file__).parents[2]
CLI = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
FLAG = re.compile(r'flags\.add\("([a-z-]+)"\)')


def commands() -> Iterator[tuple[str, str, set[str]]]:
    for group, command in typer.main.get_command(build_app()).commands.items():
        if command.hidden:  # for other programs of Plinth only
            continue
        for name, inner in getattr(command, "commands", {"": command}).items():
            yield group, name, {option for one in inner.params for option in one.opts}


@pytest.mark.parametrize(("group", "name", "options"), list(commands()))
def test_every_command_and_option_is_documented(group: str, name: str, options: set[str]) -> None:
    rows = [line for line in CLI.splitlines() if line.startswith(f"| `plinth {group}")]
    assert any(name in row for row in rows)
    wanted = {option for option in options if option.startswith("-")}
    assert [option for option in wanted if not re.search(rf"{option}\b", CLI)] == []


@pytest.mark.parametrize("name", [*FileStatus, *RejectReason])
def test_every_status_and_reason_is_documented(name: str) -> None:
    assert f"`{name}`" in CLI


def test_every_flag_is_documented() -> None:
    sources = (PROJECT / "ingest").rglob("*.py")
    flags = {flag for path in sources for flag in FLAG.findall(path.read_text(encoding="utf-8"))}
    assert {"repaired", "damaged-pages"} <= flags
    assert [flag for flag in sorted(flags) if f"`{flag}`" not in CLI] == []
