"""Mutation tests of what decides who may read what: `make mutants`.

mutmut makes small changes, one at a time, in the functions below and runs the tests chosen in
pyproject.toml against each. A change that no test notices survives. Ends with 1 where more than one
in ten of a file survives, or any of the access function.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
WORKING_FOLDER = PROJECT / "mutants"
CHOSEN: dict[str, tuple[str, ...]] = {
    "assistant/access.py": ("*",),
    "assistant/retrieval/view.py": ("*",),
    "assistant/retrieval/lexical.py": ("*",),
    "assistant/retrieval/dense.py": ("*",),
    "assistant/retrieval/hybrid.py": ("*",),
    "assistant/retrieval/ties.py": ("*",),
    "assistant/store/queries.py": (
        "readable_document",
        "_sources",
        "readable_ids",
        "live_chunk_ids",
    ),
    "assistant/store/codes.py": ("Codes.count", "Codes.mask", "Codes.candidates"),
    "assistant/store/segments.py": ("held",),
    "assistant/store/documents.py": ("document_selection", "matching", "chunk_selection"),
    "assistant/store/catalog.py": (
        "Catalog.list_documents",
        "Catalog.document_names",
        "Catalog.readable_ids",
        "Catalog.find_documents",
        "Catalog.media_types",
        "Catalog.document",
        "Catalog.page_text",
        "Catalog.cited_page",
        "Catalog.page",
        "Catalog._cited_page",
        "_pages_of",
        "Catalog.chunks",
        "Catalog.page_chunks",
        "Catalog._chunks",
        "Catalog.live_chunk_ids",
    ),
    "assistant/store/people.py": (
        "People.readable_set",
        "People.collection_id",
        "readable_set",
        "collection_id",
        "_may_see",
    ),
    "assistant/store/conversations.py": ("*",),
    "assistant/reply_json.py": ("document_ids", "without_documents", "without_resolution"),
    "ui/web/gate.py": ("*",),
    "ui/web/access_rules.py": ("*",),
}
"""The functions of each file; `*`: all of them."""
LEAST_KILLED = dict.fromkeys(CHOSEN, 0.9) | {"assistant/access.py": 1.0}
"""Of the mutants of a file. Many of the others change nothing that anybody could notice, as a bound
that is never reached."""
FIRST = "assistant.access.x_readable_by__mutmut_1"
KILLED = ("killed", "segfault")
"""Where the process of a test ends by a signal, the test has failed, too."""
NAME = re.compile(r"(?P<module>[\w.]+)\.x(_|ǁ(?P<kind>\w+)ǁ)(?P<function>\w+)__mutmut_\d+")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed function and what became of it."""

    name: str
    """As mutmut numbers it, until the function changes."""
    outcome: str
    """`killed`, `survived`, `timeout`, `no tests`, or what else mutmut says."""

    @property
    def path(self) -> str:
        """The file."""
        return self._parts["module"].replace(".", "/") + ".py"

    @property
    def function(self) -> str:
        """Its name, with the class before it."""
        return ".".join(filter(None, (self._parts["kind"], self._parts["function"])))

    @property
    def _parts(self) -> re.Match[str]:
        parts = NAME.fullmatch(self.name)
        assert parts is not None, self.name
        return parts

    @property
    def change(self) -> str:
        """The lines that are left out and those that stand there instead."""
        shown = _mutmut("show", self.name).splitlines()
        lines = [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def main() -> int:
    """Run all mutants that are not killed yet; return 1 where too many survive."""
    # Which test runs which function is found out anew: tests may have changed since.
    (WORKING_FOLDER / "mutmut-stats.json").unlink(missing_ok=True)
    _run([FIRST])  # makes the mutants, too, which have names then
    left = [one.name for one in _chosen() if one.outcome not in KILLED]
    if left:
        _run(left)
    mutants = _chosen()
    survivors = [one for one in mutants if one.outcome not in KILLED]
    print("\n".join(f"{one.name} ({one.outcome})\n{one.change}\n" for one in survivors))
    print(_table(mutants))
    too_few = [path for path, n in LEAST_KILLED.items() if _share_killed(mutants, path) < n]
    for path in too_few:
        print(f"error: too few mutants are killed of {path}; write tests for the survivors above")
    return 1 if too_few else 0


def _share_killed(mutants: list[Mutant], path: str) -> float:
    killed = [one.outcome in KILLED for one in mutants if one.path == path]
    return sum(killed) / len(killed) if killed else 0.0


def _patterns() -> list[str]:
    found = []
    for path, functions in CHOSEN.items():
        module = path.removesuffix(".py").replace("/", ".")
        for function in functions:
            kind, _, name = function.rpartition(".")
            place = f"xǁ{kind}ǁ{name}__mutmut_" if kind else f"x_{name}__mutmut_"
            found.append(f"{module}.*" if function == "*" else f"{module}.{place}*")
    return found


def _run(patterns: list[str]) -> None:
    # Forked processes must not wait for threads that only their parent has.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [_program(), "run", "--max-children", "1", *patterns],
        cwd=PROJECT,
        env=environment,
        check=True,
    )


def _chosen() -> list[Mutant]:
    lines = _mutmut("results", "--all", "1").splitlines()
    found = (line.strip().rpartition(": ") for line in lines)
    patterns = _patterns()
    return [
        Mutant(name, outcome)
        for name, _, outcome in found
        if any(fnmatch(name, pattern) for pattern in patterns)
    ]


def _table(mutants: list[Mutant]) -> str:
    outcomes = Counter(
        (one.path, "killed" if one.outcome in KILLED else one.outcome) for one in mutants
    )
    lines = [
        "| file | mutants | killed | survived | timeout | no tests | killed of all |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for path in [*CHOSEN, ""]:
        of_path = {
            outcome: sum(n for (p, o), n in outcomes.items() if o == outcome and path in (p, ""))
            for outcome in {outcome for _, outcome in outcomes}
        }
        n = sum(of_path.values())
        shown = [of_path.get(one, 0) for one in ("killed", "survived", "timeout", "no tests")]
        if n:
            cells = [f"`{path}`" if path else "all", n, *shown, f"{shown[0] / n:.1%}"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _mutmut(*arguments: str) -> str:
    return subprocess.run(
        [_program(), *arguments], cwd=PROJECT, check=True, capture_output=True, encoding="utf-8"
    ).stdout


def _program() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


if __name__ == "__main__":
    sys.exit(main())
