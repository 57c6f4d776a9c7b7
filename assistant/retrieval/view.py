"""A reader's view of the index: the segments with the rows that reader may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.errors import IndexDamagedError
from assistant.store.codes import Codes, Mask
from assistant.store.postings import Int64s
from assistant.store.segments import REBUILD, Segment, held

Rows = Int64s
"""Rows of a view: the segments' rows, one segment after the other."""


@dataclass(frozen=True, slots=True, eq=False)
class ListsView:
    """The codes of a segment, in lists, under a reader's mask."""

    codes: Codes
    counts: Int64s
    """Readable rows of each list."""
    mask: Mask


@dataclass(frozen=True, slots=True, eq=False)
class SegmentView:
    """One segment under a reader's mask."""

    segment: Segment
    first_row: int
    """The view's row of the segment's row 0."""
    readable: NDArray[np.bool_]
    """Shape [chunks of the segment]."""
    n_readable: int
    lists: ListsView | None
    """None where the segment has no codes."""

    def local(self, rows: Rows) -> Rows:
        """Return those of the view's rows (ascending) that lie here, as rows of the segment."""
        ends = np.searchsorted(rows, [self.first_row, self.first_row + len(self.readable)])
        return rows[ends[0] : ends[1]] - self.first_row


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one reader can find in one generation, with the statistics of just that."""

    segments: tuple[SegmentView, ...]
    n_rows: int
    """Readable or not."""
    n_readable: int
    average_length: float
    """Mean number of terms of the readable chunks; 0 if there are none."""
    reads_all: bool
    """Whether nothing current is hidden from the reader."""

    def __repr__(self) -> str:
        return f"View({self.n_readable} of {self.n_rows} chunks)"

    def chunk_ids(self, rows: Rows) -> Int64s:
        """Return the ids of the chunks in these rows, which are ascending."""
        ids = [part.segment.chunk_ids[part.local(rows)] for part in self.segments]
        return np.concatenate([np.empty(0, np.int64), *ids])


def build_view(segments: Sequence[Segment], readable_ids: Int64s, *, n_live: int) -> View:
    """Return the view of a reader.

    Args:
        segments: Of one generation.
        readable_ids: Ids of the live chunks the reader may see, ascending.
        n_live: How many live chunks there are, readable or not.

    Raises:
        IndexDamagedError: a readable chunk is in no segment, or in two.
    """
    views: list[SegmentView] = []
    n_rows = n_readable = n_terms = 0
    for segment in segments:
        readable = held(segment.chunk_ids, readable_ids)
        n_here = int(np.count_nonzero(readable))
        codes = segment.vectors.codes if segment.vectors else None
        lists = ListsView(codes, codes.count(readable), codes.mask(readable)) if codes else None
        views.append(SegmentView(segment, n_rows, readable, n_here, lists))
        n_rows += len(readable)
        n_readable += n_here
        n_terms += int(segment.postings.lengths[readable].sum(dtype=np.int64))
    if n_readable != len(readable_ids):
        message = f"the index holds {n_readable} of {len(readable_ids)} readable chunks; {REBUILD}"
        raise IndexDamagedError(message)
    return View(
        segments=tuple(views),
        n_rows=n_rows,
        n_readable=n_readable,
        average_length=n_terms / n_readable if n_readable else 0.0,
        reads_all=n_readable == n_live,
    )
