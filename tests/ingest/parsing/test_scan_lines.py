from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from assistant.types import PAGE_UNITS
from ingest.parsing.scan_lines import ScannedLine, confidence_of, page_scan, scanned_lines
from ingest.parsing.scan_picture import straightened
from ingest.parsing.tesseract import ReadWord

PAGE = straightened(Image.new("L", (2000, 1000), 255), 0.0)
DPI = 300.0


def words(line: int, *texts: str, left: int = 100, gap: int = 12) -> list[ReadWord]:
    """Words of 20 pixels a letter, side by side."""
    read = []
    for text in texts:
        right = left + 20 * len(text)
        top = 100 * line
        read.append(
            ReadWord(
                text=text, confidence=90.0, line=("1", "1", str(line)),
                left=left, top=top, right=right, bottom=top + 40,
            )
        )  # fmt: skip
        left = right + gap
    return read


def lines_of(*read: Sequence[ReadWord]) -> list[ScannedLine]:
    return scanned_lines([word for line in read for word in line], PAGE, dpi=DPI)


def test_words_become_lines_with_cells_between_wide_gaps() -> None:
    (row,) = lines_of([*words(1, "Water"), *words(1, "2", "911", left=900)])
    assert [cell.text for cell in row.cells] == ["Water", "2 911"]
    assert row.text == "Water 2 911"


def test_hyphen_at_the_end_of_a_line_is_told_apart() -> None:
    broken, range_, dash = lines_of(words(1, "infor-"), words(2, "2019-"), words(3, "-"))
    assert (broken.text, broken.ends_hyphenated) == ("infor", True)
    assert (range_.text, range_.ends_hyphenated) == ("2019-", False)
    assert (dash.text, dash.ends_hyphenated) == ("-", False)


def test_lines_of_about_one_height_have_one_size_and_titles_another() -> None:
    flat = [word._replace(top=word.top + 6) for word in words(2, "on", "a", "sea")]
    title = [word._replace(bottom=word.bottom + 40) for word in words(3, "Title")]
    sizes = [line.size for line in lines_of(words(1, "by"), flat, title, words(4, "by"))]
    assert sizes[0] == sizes[1] == sizes[3]
    assert sizes[2] > 1.5 * sizes[0]


def test_places_are_found_for_words_in_the_text_whatever_stands_between_them() -> None:
    lines = lines_of(words(1, "Page", "3"), words(2, "infor-"), words(3, "mation", "—", "now"))
    text = "information — now"
    scan = page_scan(text, lines)
    assert [text[box.span.start : box.span.end] for box in scan.words] == ["infor", "mation", "now"]
    first = scan.words[0]
    assert (first.left, first.top) == (100 * PAGE_UNITS // 2000, 200 * PAGE_UNITS // 1000)
    assert scan.boxes(0, 3) == (first,)
    assert scan.boxes(11, 14) == ()


def test_confidence_counts_letters() -> None:
    long, short = words(1, "abcdefghi", "j")
    lines = lines_of([long, short._replace(confidence=0.0)])
    assert confidence_of(lines) == 81.0
    assert confidence_of([]) == 0.0
