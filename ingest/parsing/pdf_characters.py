"""The characters of a PDF page, each at PDFium's own place for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls

_FIRST_HALF, _SECOND_HALF, _HALVES_END = 0xD800, 0xDC00, 0xE000
_END = 0x110000
_UNKNOWN = "\ufffd"


def page_characters(text_page: Any) -> list[str]:
    """Return the characters of a PDFium text page, one for each of its places.

    PDFium gives two places to what UTF-16 writes as a pair: the character stands at the first,
    nothing at the second. Halves without the other, and what is no character, are U+FFFD.
    """
    page = calls.address(text_page.raw)
    n_places = pdfium_c.FPDFText_CountChars(text_page.raw)
    codes = [calls.char_code(page, index) for index in range(n_places)]
    if max(codes, default=0) < _FIRST_HALF:
        return list(map(chr, codes))
    return _paired(codes)


def _paired(codes: Sequence[int]) -> list[str]:
    """Return a character for each code, pairs as one.

    >>> _paired([0x41, 0xD83D, 0xDE00, 0xDE00, 0xD83D])
    ['A', '😀', '', '�', '�']
    """
    characters: list[str] = []
    before = 0
    for code in codes:
        if _FIRST_HALF <= before < _SECOND_HALF <= code < _HALVES_END:
            pair = ((before - _FIRST_HALF) << 10) + (code - _SECOND_HALF) + 0x10000
            characters[-1:] = chr(pair), ""
            before = 0
            continue
        is_character = code < _FIRST_HALF or _HALVES_END <= code < _END
        characters.append(chr(code) if is_character else _UNKNOWN)
        before = code
    return characters
