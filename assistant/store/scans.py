"""Where the words of scanned pages stand, as it is stored: a few bytes a word."""

from __future__ import annotations

import numpy as np

from assistant.types import PageScan, Span, WordBox

_WORD = np.dtype(
    [
        *(("start", "<u4"), ("end", "<u4")),
        *(("left", "<u2"), ("top", "<u2"), ("right", "<u2"), ("bottom", "<u2")),
    ]
)


def stored_words(scan: PageScan) -> bytes:
    """Return the words of a scanned page as bytes, 16 for each."""
    rows = [
        (x.span.start, x.span.end, x.left, x.top, x.right, x.bottom)  # in the order of the fields
        for x in scan.words
    ]
    return np.array(rows, dtype=_WORD).tobytes()


def page_scan(confidence: int, words: bytes) -> PageScan:
    """Return what `stored_words` made bytes of."""
    rows = np.frombuffer(words, dtype=_WORD).tolist()
    return PageScan(
        confidence=confidence,
        words=tuple(
            WordBox(span=Span(start, end), left=left, top=top, right=right, bottom=bottom)
            for start, end, left, top, right, bottom in rows
        ),
    )
