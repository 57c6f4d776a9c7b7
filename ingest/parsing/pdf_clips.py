"""What the clips of a PDF page cut away of its texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingest.parsing import pdfium_calls as calls
from ingest.parsing.pdf_drawing import Box

_WHOLE = 0.9
"""Of a text's width and height, inside its clip."""
_MOST_SEGMENTS = 5
"""Of a rectangle's path."""
Floats = npt.NDArray[np.float32]


def clipped(texts: Sequence[int], boxes: Floats) -> list[int]:
    """Return which texts do not lie wholly inside what their clips let through.

    Args:
        texts: Addresses of their objects.
        boxes: Left, bottom, right and top of each, in points.
    """
    known: dict[int, Box | None] = {}
    found: list[int] = []
    clips = list(map(calls.clip_path, texts))
    for i, n_paths in enumerate(map(calls.count_clips, clips)):
        for k in range(n_paths):
            # Texts that share a clip share its path.
            path = calls.get_segment(clips[i], k, 0)
            if path not in known:
                known[path] = _rectangle(clips[i], k)
            seen = known[path]
            if seen is None or _part_inside(boxes[i], seen) < _WHOLE:
                found.append(i)
                break
    return found


def _rectangle(clip: int, path_index: int) -> Box | None:
    """Return the box of a clip's path; None if it is no rectangle."""
    n_segments = calls.count_segments(clip, path_index)
    if not 0 < n_segments <= _MOST_SEGMENTS:
        return None
    points = np.zeros((n_segments, 2), dtype=np.float32)
    at = points.ctypes.data
    for k in range(n_segments):
        calls.segment_point(calls.get_segment(clip, path_index, k), at + 8 * k, at + 8 * k + 4)
    left, bottom = points.min(axis=0)
    right, top = points.max(axis=0)
    is_corner = np.isin(points[:, 0], (left, right)) & np.isin(points[:, 1], (bottom, top))
    return (left, bottom, right, top) if is_corner.all() else None


def _part_inside(box: Floats, seen: Box) -> float:
    """Return how much of a box, by width and height, another one lets through."""
    width = min(box[2], seen[2]) - max(box[0], seen[0])
    height = min(box[3], seen[3]) - max(box[1], seen[1])
    if width < 0 or height < 0:
        return 0.0
    return float(min(width / max(box[2] - box[0], 0.01), height / max(box[3] - box[1], 0.01), 1.0))
