"""Text recognition by Tesseract, where the system has it: its C library, in this process.

As a library it runs inside a confined process, which could not start it as a program. It is given
pixels and no file, so that it decodes nothing that a sender has made.

`python -m ingest.parsing.tesseract LANGUAGE…` confines itself and prints as JSON what could read a
scan: {"version": …, "languages": […]}, the version null where the library is missing.

Source:
    tesseract/capi.h of Tesseract 4 and 5; tesseract(1), "TSV".
"""

from __future__ import annotations

import ctypes
import functools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ingest.parsing.confinement import confine

if TYPE_CHECKING:
    from PIL import Image

_LIBRARIES = ("libtesseract.so.5", "libtesseract.so.4")
_SEGMENTED_BY_ITSELF = 3
_MAX_WORDS = 20_000
_MAX_WORD_CHARS = 200
_WORD_LEVEL = "5"
_SPECK_CONFIDENCE = 50.0
"""Marks that are no letters, read with less, are dirt and rules far more often than marks."""


class ReadWord(NamedTuple):
    """A word as it was read; the box is in pixels, y downwards."""

    text: str
    confidence: float
    """0 to 100."""
    line: tuple[str, str, str]
    """Equal for words of a line: numbers of block, paragraph and line."""
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What reads scans on this machine."""

    version: str | None
    """Of Tesseract; None: it is not installed."""
    languages: tuple[str, ...]
    """Those of the wanted ones that it has, in their order."""


class Tesseract:
    """Reads pictures; one at a time. Keeps its models in memory until the process ends.

    Args:
        library: As `_library` returns it.
        languages: Names of trained data that the system has, the likeliest first.

    Raises:
        LookupError: the system has no such data.
    """

    def __init__(self, library: ctypes.CDLL, languages: Sequence[str]) -> None:
        self._library = library
        self._handle = ctypes.c_void_p(library.TessBaseAPICreate())
        if library.TessBaseAPIInit3(self._handle, None, "+".join(languages).encode()):
            self.close()
            raise LookupError(f"no trained data for {languages!r}")
        library.TessBaseAPISetPageSegMode(self._handle, _SEGMENTED_BY_ITSELF)

    def close(self) -> None:
        """Give its memory back; it reads nothing after that."""
        self._library.TessBaseAPIDelete(self._handle)

    def read(self, picture: Image.Image, *, dpi: int, until: float) -> tuple[ReadWord, ...]:
        """Return the words of a picture in reading order.

        Args:
            picture: Grey, of mode L.
            dpi: Its pixels an inch.
            until: When to stop, by `time.monotonic`.

        Raises:
            TimeoutError: it takes longer.
        """
        max_s = until - time.monotonic()
        if max_s <= 0:
            raise TimeoutError("no time is left to read a picture")
        library, handle = self._library, self._handle
        width, height = picture.size
        pixels = picture.tobytes()
        library.TessBaseAPISetImage(handle, pixels, width, height, 1, width)
        library.TessBaseAPISetSourceResolution(handle, dpi)
        monitor = ctypes.c_void_p(library.TessMonitorCreate())
        try:
            library.TessMonitorSetDeadlineMSecs(monitor, max(1, int(max_s * 1000)))
            if library.TessBaseAPIRecognize(handle, monitor):
                raise TimeoutError(f"reading a picture takes more than {max_s:.1f} s")
            text = ctypes.c_void_p(library.TessBaseAPIGetTsvText(handle, 0))
            try:
                table = ctypes.string_at(text).decode(errors="replace") if text else ""
            finally:
                library.TessDeleteText(text)
        finally:
            library.TessMonitorDelete(monitor)
            library.TessBaseAPIClear(handle)
        return tuple(_words(table))


@functools.cache
def open_tesseract(languages: tuple[str, ...]) -> Tesseract | None:
    """Return what reads scans in those of the languages that the system has; None: nothing does."""
    library = _library()
    known = installed(languages).languages
    return None if library is None or not known else Tesseract(library, known)


def installed(languages: Sequence[str]) -> Installed:
    """Return what there is; to be asked in a process that may load the library."""
    library = _library()
    if library is None:
        return Installed(version=None, languages=())
    known = tuple(language for language in languages if _has(library, language))
    return Installed(version=library.TessVersion().decode(errors="replace"), languages=known)


def _has(library: ctypes.CDLL, language: str) -> bool:
    try:
        Tesseract(library, [language]).close()
    except LookupError:
        return False
    return True


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return the library with its functions declared; None if the system has none."""
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
        for function, result, arguments in (
            ("TessVersion", text, ()),
            ("TessDeleteText", None, (pointer,)),
            ("TessBaseAPICreate", pointer, ()),
            ("TessBaseAPIDelete", None, (pointer,)),
            ("TessBaseAPIInit3", number, (pointer, text, text)),
            ("TessBaseAPISetPageSegMode", None, (pointer, number)),
            ("TessBaseAPISetImage", None, (pointer, text, number, number, number, number)),
            ("TessBaseAPISetSourceResolution", None, (pointer, number)),
            ("TessBaseAPIRecognize", number, (pointer, pointer)),
            ("TessBaseAPIGetTsvText", pointer, (pointer, number)),
            ("TessBaseAPIClear", None, (pointer,)),
            ("TessMonitorCreate", pointer, ()),
            ("TessMonitorSetDeadlineMSecs", None, (pointer, number)),
            ("TessMonitorDelete", None, (pointer,)),
        ):
            declared = getattr(library, function)
            declared.restype, declared.argtypes = result, arguments
        return library
    return None


def _words(table: str) -> Iterator[ReadWord]:
    """Yield the words of Tesseract's table, but for specks."""
    n_words = 0
    for row in table.splitlines():
        cells = row.split("\t")
        if len(cells) < 12 or cells[0] != _WORD_LEVEL:
            continue
        text, confidence = cells[11].strip()[:_MAX_WORD_CHARS], float(cells[10])
        says_something = any(character.isalnum() for character in text)
        if not text or not (says_something or confidence >= _SPECK_CONFIDENCE):
            continue
        n_words += 1
        if n_words > _MAX_WORDS:
            return
        left, top, width, height = (int(cell) for cell in cells[6:10])
        yield ReadWord(
            text=text,
            confidence=min(max(confidence, 0.0), 100.0),
            line=(cells[2], cells[3], cells[4]),
            left=left,
            top=top,
            right=left + width,
            bottom=top + height,
        )


if __name__ == "__main__":
    confine()
    found = installed(sys.argv[1:])
    sys.stdout.write(json.dumps({"version": found.version, "languages": found.languages}))
