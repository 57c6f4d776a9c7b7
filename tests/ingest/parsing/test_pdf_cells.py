import pytest

from ingest.parsing.pdf_cells import Cell, Word, split_cells

SIZE = 10.0


def words(*placed):
    """Make words of (text, left), five points a character."""
    return [Word(text, left, left + 5 * len(text)) for text, left in placed]


def texts(*placed):
    return [cell.text for cell in split_cells(words(*placed), SIZE)]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ([("Net", 0), ("sales", 18), ("5", 100)], ["Net sales", "5"]),
        # A number in parentheses is no list mark.
        ([("Other", 0), ("(393)", 100), ("(247)", 150)], ["Other", "(393)", "(247)"]),
        ([("Other", 0), ("—", 100), ("1,353", 150)], ["Other", "—", "1,353"]),
        # A closing parenthesis in a column of its own.
        ([("Other", 0), ("$", 80), ("(16", 100), (")", 125)], ["Other", "$(16)"]),
        ([("Tax", 0), ("18", 100), ("%", 120)], ["Tax", "18 %"]),
        # The next number's sign is drawn close behind this one.
        ([("All", 0), ("$", 60), ("4", 90), ("$", 100), ("(11)", 140)], ["All", "$4", "$(11)"]),
        ([("All", 0), ("5", 60), ("€", 68), ("6", 120), ("€", 128)], ["All", "5 €", "6 €"]),
        # Narrow columns of numbers.
        ([("All", 0), ("1,200", 60), ("1,300", 92)], ["All", "1,200", "1,300"]),
        ([("in", 0), ("2020", 13), ("2021", 36)], ["in 2020 2021"]),
        # List marks stand apart from their items, in any column.
        ([("1.", 0), ("Purpose", 40)], ["1. Purpose"]),
        ([("(a)", 0), ("Purpose", 40), ("2.", 120), ("Scope", 160)], ["(a) Purpose", "2. Scope"]),
        ([("–", 0), ("5", 40)], ["– 5"]),
        ([("—", 0), ("—", 40)], ["—", "—"]),
        ([("Leave", 0), ("......", 25), ("7", 60)], ["Leave … 7"]),
    ],
    ids=str,
)
def test_split_cells(line, cells):
    assert texts(*line) == cells


def test_split_cells_keeps_the_edges_of_what_it_joins():
    (label, number) = split_cells(words(("Other", 0), ("$", 80), ("(16", 100), (")", 125)), SIZE)
    assert (label.left, label.right) == (0, 25)
    assert (number.left, number.right) == (80, 130)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,353", True),
        ("$(11)", True),
        ("—", True),
        ("$—", True),
        ("18 %", True),
        ("2.13%–3.50%", True),
        ("Level 1", False),
        ("March 31,", False),
        ("Total", False),
    ],
)
def test_is_value(text, expected):
    assert Cell(text, 0, 10).is_value is expected
