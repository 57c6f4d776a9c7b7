"""A page of a PDF as a picture with a passage marked, drawn in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.sandbox import PACKAGES_DIR, child_environment
from ingest.settings import IngestSettings
from ingest.types import RejectReason

MAX_PICTURE_BYTES = 20_000_000
DRAW_S = 15.0


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
) -> PagePicture:
    """Draw a page of a PDF with a quote marked.

    Args:
        path: Of the PDF; untrusted.
        page_index: 0-based physical page.
        quote: Text of the page as stored; may be empty.
        place: Where the quote starts in the stored text, 0 to 1.
        width_px: Of the picture.
        settings: The memory that a file may cost.

    Raises:
        RejectedFileError: the page cannot be drawn; with the reason.
    """
    request = {
        "path": str(path.absolute()),
        "page_index": page_index,
        "quote": quote,
        "place": place,
        "width_px": width_px,
        "max_memory_bytes": settings.max_memory_bytes,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ingest.parsing.picture_child"],
            input=json.dumps(request).encode() + b"\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            cwd=PACKAGES_DIR,
            timeout=DRAW_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        detail = f"drawing its page takes more than {DRAW_S:g} s; open the file instead"
        raise RejectedFileError(RejectReason.TOO_SLOW, detail) from exc
    head, _, png = done.stdout.partition(b"\n")
    if done.returncode or not png.startswith(b"\x89PNG") or len(png) > MAX_PICTURE_BYTES:
        detail = "its page cannot be drawn; open the file instead"
        raise RejectedFileError(RejectReason.CORRUPT, detail)
    return PagePicture(png=png, n_boxes=int(json.loads(head)["n_boxes"]))
