"""What the linter cannot say: where HTML may be made, and that nothing marks text as safe."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MAKES_HTML = {
    "ui/web/app.py": "the stylesheet",
    "ui/web/components/document_detail.py": "a picture's address, of ids and numbers",
    "ui/web/components/source.py": "the same, with a place in per cent",
    "ui/web/components/figures.py": "a table, every text in it escaped",
    "ui/web/components/signed_out.py": "a link to a fixed address",
}
"""Files that call `st.html`, and with what."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("models", "assistant", "ingest", "evals", "ui"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield path.relative_to(PROJECT).as_posix(), tree


def test_html_is_made_in_few_places() -> None:
    found = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "html"
        and isinstance(node.value, ast.Name)
        and node.value.id == "st"
    }
    assert found == set(MAKES_HTML)


def test_nothing_is_marked_as_safe_html() -> None:
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg != "unsafe_allow_html", name
            if isinstance(node, ast.Name):
                assert node.id != "Markup", name
    for path in (PROJECT / "ui/web/templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape\s+false", text), path.name
        assert "<script" not in text, path.name
