from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.prompts.library import prompt_version
from evals.circumstances import circumstances, commit
from models.fakes import FakeEmbedder, FakeGenerator

ONE, TWO = "1" * 40, "2" * 40


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".git/HEAD": f"{ONE}\n"}, ONE),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{ONE}\n"}, ONE),
        (
            {
                ".git/HEAD": "ref: refs/heads/main\n",
                ".git/packed-refs": f"# pack-refs\n{TWO} refs/heads/x\n{ONE} refs/heads/main\n",
            },
            ONE,
        ),
        (
            {
                ".git": "gitdir: real/.git/worktrees/w\n",
                "real/.git/worktrees/w/HEAD": "ref: refs/heads/side\n",
                "real/.git/worktrees/w/commondir": "../..\n",
                "real/.git/refs/heads/side": f"{TWO}\n",
            },
            TWO,
        ),
        ({".git/HEAD": "ref: refs/heads/main\n"}, None),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": "# none\n"}, None),
        ({"README.md": ""}, None),
    ],
)
def test_commit_is_read_from_the_files_of_git(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    assert commit(written(tmp_path, files)) == expected


def test_circumstances_are_all_that_is_needed_beside_the_plan() -> None:
    told = circumstances(FakeGenerator().info, FakeEmbedder().info, ["em>=0.5"])
    assert json.loads(json.dumps(told)) == told
    assert told["generator"]["fingerprint"] == "fake-4096"
    assert told["embedder"] == {"name": "fake-embedder", "fingerprint": "fake-256"}
    assert (told["prompt_version"], told["gates"]) == (prompt_version(), ["em>=0.5"])
    assert told["libraries"]["numpy"]
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["memory_bytes"] > 10**8
    assert told["machine"]["processor"]
