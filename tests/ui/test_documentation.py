from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        yield from below(group, command)


def below(group: str, command: Any) -> Iterator[tuple[str, str, set[str]]]:
    for name, inner in getattr(command, "commands", {"": command}).items():
        if hasattr(inner, "commands"):
            yield from below(f"{group} {name}", inner)
        else:
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


def test_security_names_tests_that_there_are() -> None:
    text = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    files = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "tests").rglob("*.py")}
    tests = {
        name
        for path in files
        for name in re.findall(r"def (test_\w+)", (PROJECT / path).read_text(encoding="utf-8"))
    }
    paths = set(re.findall(r"`(tests/[^`]+\.py)`", text))
    bare = set(re.findall(r"`(test_\w+\.py)`", text))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(paths) > 10
    assert len(named) > 10
    assert paths - files == set()
    assert bare - {path.rpartition("/")[2] for path in files} == set()
    assert named - tests == set()


def test_every_flag_is_documented() -> None:
    sources = (PROJECT / "ingest").rglob("*.py")
    flags = {flag for path in sources for flag in FLAG.findall(path.read_text(encoding="utf-8"))}
    assert {"repaired", "damaged-pages"} <= flags
    assert [flag for flag in sorted(flags) if f"`{flag}`" not in CLI] == []
