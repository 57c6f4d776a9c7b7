"""The box that files are dropped on: the browser streams them to the server's own route."""

from __future__ import annotations

from collections.abc import Callable

from ui.web.access_rules import UPLOADS_PATH
from ui.web.components.scripted import scripted_component


def draw_upload_box(collection: str, *, max_file_bytes: int, on_sent: Callable[[], None]) -> None:
    """Draw the box.

    Args:
        collection: What the files become part of.
        max_file_bytes: Larger files are not even sent.
        on_sent: Called when the first file of a batch is safe, and when all are.
    """
    data = {"collection": collection, "path": UPLOADS_PATH, "largest": max_file_bytes}
    scripted_component("upload")(key="upload", data=data, on_sent_change=on_sent)
