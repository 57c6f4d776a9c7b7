"""The whole product without a network, with nothing but its data dir to write to, and no rights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = 64_321
"""No user of any system."""
LIMIT_S = 600
NEEDED = ("unshare", "setpriv", "mount", "strace")
# A process that makes objects of a class from pickled bytes ends at once, whoever made them.
HOOK = (
    "import sys, os; sys.addaudithook(lambda event, arguments: event == 'pickle.find_class' and "
    "(os.write(2, f'unpickled {arguments}'.encode()), os._exit(99)))\n"
)


def unshare() -> list[str]:
    """Return the command that makes the namespaces."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed (util-linux, strace)")
    command = ["unshare", "--mount", "--net"]
    if os.getuid():
        command += ["--user", "--map-root-user"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this system lets nobody make namespaces: {tried.stderr.strip()}")
    return command


@pytest.fixture(scope="module")
def told(models_dir: Path) -> dict[str, Any]:
    """What the story tells, both parts."""
    command = unshare()
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="plinth-alone-") as place:
        Path(place).chmod(0o755)
        with tempfile.NamedTemporaryFile("w", suffix=".pth", encoding="utf-8") as hook:
            hook.write(HOOK)
            hook.flush()
            Path(hook.name).chmod(0o644)
            script = Path(__file__).with_name("enter.sh")
            user = 0 if os.getuid() else NOBODY
            installed = [Path(sys.prefix).resolve(), models_dir, sys.base_prefix]
            arguments = [place, PROJECT, *installed, hook.name, user]
            done = subprocess.run(
                [*command, "sh", str(script), *map(str, arguments)],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
    assert done.returncode == 0, done.stderr[-4000:]
    commands, web = map(json.loads, done.stdout.splitlines())
    return {"commands": commands, "web": web}


@pytest.mark.model
@pytest.mark.slow
class TestAlone:
    def test_commands_need_no_interface(self, told: dict[str, Any]) -> None:
        commands = told["commands"]
        assert commands["counts"]["ingested"] == 2
        assert commands["documents"][0] == "leave.md"
        assert commands["status"] == "answered"
        assert commands["weights"] == ["ok"]

    def test_web_app_needs_loopback_only(self, told: dict[str, Any]) -> None:
        web = told["web"]
        assert web["shown"] == {"replies": 1, "notice": ""}
        assert web["handed_over"]["ingested"] == 1
        assert web["listed"] == 3
        assert web["ended"] in (0, -signal.SIGTERM)

    def test_nothing_is_sent_or_asked_abroad(self, told: dict[str, Any]) -> None:
        assert told["commands"]["abroad"] == []
        assert told["web"]["abroad"] == []

    def test_it_ran_as_nobody_with_code_that_it_cannot_change(self, told: dict[str, Any]) -> None:
        for part in told.values():
            assert part["user"] == (0 if os.getuid() else NOBODY)
            assert not part["code_is_writable"]

    def test_no_file_is_open_to_others(self, told: dict[str, Any]) -> None:
        assert told["web"]["exposed"] == []

    def test_nothing_is_left_outside_the_data_dir(self, told: dict[str, Any]) -> None:
        assert told["web"]["elsewhere"] == []
