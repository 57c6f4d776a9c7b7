"""The picture of a scanned page: whether anything is on it, how far it is turned, made straight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

_INK_CONTRAST = 48
"""Of ink and paper, of 255: stronger than noise, weaker than faint print."""
_LEAST_INK_FRACTION = 1e-4
"""Less of the page is dust: a line of text in the size of this one is twice as much."""
_SHRUNK_BY = 4
"""Evens out noise, and makes counting cheap."""
_MAX_TURN_DEGREES = 6.0
_COARSE_DEGREES, _FINE_DEGREES = 0.5, 0.05
_MAX_POINTS = 100_000
_PAPER = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Straightened:
    """A picture turned back, and the way from its pixels to those of the picture it came from."""

    picture: Image.Image
    degrees: float
    """By which the original's lines rise to the right."""
    original_size: tuple[int, int]

    def box_in_original(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float]:
        """Return the smallest box of the original that holds a box of the straight picture.

        Returns:
            Left, top, right and bottom as fractions of the original's width and height, in 0 to 1.
        """
        width, height = self.original_size
        corners = [self._original(x, y) for x in (left, right) for y in (top, bottom)]
        xs = [min(max(x / width, 0.0), 1.0) for x, _ in corners]
        ys = [min(max(y / height, 0.0), 1.0) for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def _original(self, x: float, y: float) -> tuple[float, float]:
        a, b, c, d, e, f = _matrix(self.degrees, self.picture.size, self.original_size)
        return a * x + b * y + c, d * x + e * y + f


def has_ink(picture: Image.Image) -> bool:
    """Tell whether a grey picture shows more than paper and dust."""
    return bool(_ink(picture).mean() > _LEAST_INK_FRACTION)


def turn_of(picture: Image.Image) -> float:
    """Return by how many degrees, at most 6, a picture's lines of text rise to the right.

    The angle is the one at which rows of ink and of paper differ most. 0 for a blank picture.
    """
    ys, xs = np.nonzero(_ink(picture))
    if not len(ys):
        return 0.0
    step = math.ceil(len(ys) / _MAX_POINTS)
    points = xs[::step].astype(np.float64), ys[::step].astype(np.float64)
    coarse = np.arange(-_MAX_TURN_DEGREES, _MAX_TURN_DEGREES + 1e-9, _COARSE_DEGREES)
    near = _sharpest(points, coarse)
    fine = np.arange(near - _COARSE_DEGREES, near + _COARSE_DEGREES + 1e-9, _FINE_DEGREES)
    return _sharpest(points, fine)


def straightened(picture: Image.Image, degrees: float) -> Straightened:
    """Return a grey picture turned clockwise by `degrees`, nothing of it cut off."""
    angle = math.radians(degrees)
    width, height = picture.size
    across, down = abs(math.cos(angle)), abs(math.sin(angle))
    size = (
        math.ceil(width * across + height * down - 1e-6),
        math.ceil(width * down + height * across - 1e-6),
    )
    turned = picture.transform(
        size,
        Image.Transform.AFFINE,
        _matrix(degrees, size, picture.size),
        resample=Image.Resampling.BICUBIC,
        fillcolor=_PAPER,
    )
    return Straightened(picture=turned, degrees=degrees, original_size=picture.size)


def _matrix(
    degrees: float, size: tuple[int, int], original_size: tuple[int, int]
) -> tuple[float, float, float, float, float, float]:
    """Return what makes a point of the original of one of the straight picture: both centred."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = size[0] / 2, size[1] / 2
    original_x, original_y = original_size[0] / 2, original_size[1] / 2
    return (
        *(cos, sin, original_x - cos * x - sin * y),
        *(-sin, cos, original_y + sin * x - cos * y),
    )


def _ink(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.bool_]]:
    shades = np.asarray(picture.reduce(_SHRUNK_BY), dtype=np.int16)
    return np.asarray(np.abs(shades - np.median(shades)) > _INK_CONTRAST)


def _sharpest(
    points: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    degrees: np.ndarray[Any, Any],
) -> float:
    xs, ys = points

    def contrast(angle: float) -> float:
        rows = ys * math.cos(math.radians(angle)) + xs * math.sin(math.radians(angle))
        counts = np.bincount(np.rint(rows - rows.min()).astype(np.int64))
        return float(np.square(np.diff(counts)).sum())

    # Of equal ones the smallest turn.
    return float(max(degrees.tolist(), key=lambda angle: (contrast(angle), -abs(angle))))
