"""What the linter cannot say: where HTML may be made, that nothing marks text as safe, and that no
bytes become objects but by JSON, TOML and formats that hold no code."""

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


MAKES_OBJECTS_OF_BYTES = frozenset(
    "pickle cPickle _pickle marshal shelve dbm joblib dill cloudpickle jsonpickle multiprocessing "
    "yaml ruamel xmlrpc".split()
)
"""Modules that unpickle, or whose connections and queues do."""
UNPICKLE = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("st", "cache_data")}
"""Functions that unpickle what they are given, unless they are told not to; the last one what it
has kept."""


def unpicklers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for module in _imported(node):
            if module.partition(".")[0] in MAKES_OBJECTS_OF_BYTES:
                yield module
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr), keywords=given):
                is_safe = any(
                    one.arg == "allow_pickle" and ast.unparse(one.value) == "False" for one in given
                )
                if (name, attr) in UNPICKLE and not is_safe:
                    yield f"{name}.{attr}"
            case ast.Attribute(value=ast.Name(id="st"), attr="cache_data"):
                yield "st.cache_data"


def test_nothing_is_unpickled() -> None:
    found = {name: list(unpicklers(tree)) for name, tree in sources()}
    assert {name: one for name, one in found.items() if one} == {}


def test_unpickling_would_be_seen() -> None:
    text = """
import pickle
from multiprocessing.connection import Client
import json
np.load(path)
np.load(path, allow_pickle=False)
np.load(path, allow_pickle=True)
torch.load(path, weights_only=True)
@st.cache_data
def slow(): ...
"""
    assert sorted(unpicklers(ast.parse(text))) == sorted(
        [
            "pickle",
            "multiprocessing.connection",
            "np.load",
            "np.load",
            "torch.load",
            "st.cache_data",
        ]
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []
