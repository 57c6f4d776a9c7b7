from __future__ import annotations

from ui.cli.terminal import place, printable


def test_printable_shows_control_characters_instead_of_obeying_them() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == "a�[2Jb�c\nd"


def test_place_names_the_page_where_there_is_one() -> None:
    assert place("a.pdf", 3) == "a.pdf, page 3"
    assert place("a.md", None) == "a.md"
