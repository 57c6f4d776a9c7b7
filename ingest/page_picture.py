"""A page of a PDF as a picture with a passage marked, drawn in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.types import WordBox
from ingest.errors import RejectedFileError
from ingest.parsing.input_copy import InputCopy
from ingest.parsing.sandbox import child_environment
from ingest.settings import IngestSettings
from ingest.types import RejectReason

MAX_PICTURE_BYTES = 20_000_000
DRAW_S = 15.0
_MAX_HEAD_BYTES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePicture:
    """A drawn page."""

    png: bytes
    n_boxes: int
    """Boxes that mark the passage; 0 where it was not found on the page as it is drawn."""

    def __repr__(self) -> str:
        return f"PagePicture({len(self.png)} bytes, {self.n_boxes} boxes)"


def draw_page(
    path: Path,
    page_index: int,
    *,
    quote: str,
    place: float,
    width_px: int,
    settings: IngestSettings,
    boxes: Sequence[WordBox] = (),
) -> PagePicture:
    """Draw a page of a PDF with a quote marked.

    Args:
        path: Of the PDF; untrusted.
        page_index: 0-based physical page.
        quote: Text of the page as stored; may be empty.
        place: Where the quote starts in the stored text, 0 to 1.
        width_px: Of the picture.
        settings: The memory that a file may cost.
        boxes: What to mark instead of the quote, where the page itself has no text.

    Raises:
        RejectedFileError: the page cannot be drawn; with the reason.
    """
    with InputCopy() as copy:
        copy.fill(path, settings)
        request = {
            "descriptor": copy.descriptor,
            "page_index": page_index,
            "quote": quote,
            "place": place,
            "boxes": [[box.left, box.top, box.right, box.bottom] for box in boxes],
            "width_px": width_px,
            "max_memory_bytes": settings.max_memory_bytes,
            "max_cpu_s": DRAW_S,
        }
        answer = _ask(json.dumps(request).encode() + b"\n", copy.descriptor)
    head, _, png = answer.partition(b"\n")
    if not png.startswith(b"\x89PNG") or len(png) > MAX_PICTURE_BYTES:
        raise _undrawable()
    return PagePicture(png=png, n_boxes=int(json.loads(head)["n_boxes"]))


def _ask(request: bytes, descriptor: int) -> bytes:
    """Return what a child answers to one request, but for what is over the longest answer."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ingest.parsing.picture_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env=child_environment(),
        cwd="/",
    )
    deadline = time.monotonic() + DRAW_S
    clock = threading.Timer(DRAW_S, process.kill)
    with process:
        clock.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError), process.stdin as pipe:  # its exit code says how it died
                pipe.write(request)
            answer = process.stdout.read(MAX_PICTURE_BYTES + _MAX_HEAD_BYTES)
            if len(answer) == MAX_PICTURE_BYTES + _MAX_HEAD_BYTES:
                raise _undrawable()
            code = process.wait()  # the clock still runs
        finally:
            clock.cancel()
            process.kill()
    is_late = time.monotonic() >= deadline
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and is_late):
        detail = f"drawing its page takes more than {DRAW_S:g} s; open the file instead"
        raise RejectedFileError(RejectReason.TOO_SLOW, detail)
    if code:
        raise _undrawable()
    return answer


def _undrawable() -> RejectedFileError:
    detail = "its page cannot be drawn; open the file instead"
    return RejectedFileError(RejectReason.CORRUPT, detail)
