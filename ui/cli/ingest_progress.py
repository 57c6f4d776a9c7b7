"""How far an ingest is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ui.cli.terminal import note, one_line

if TYPE_CHECKING:
    from ingest.pipeline import IngestProgress

LINE_EVERY_S = 10.0


@contextmanager
def show_progress() -> Iterator[Callable[[IngestProgress], None]]:
    """Yield what to call with each step; everything goes to stderr."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[n_documents]:,} documents"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[doing]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", n_documents=0, doing="")

        def show(progress: IngestProgress) -> None:
            bar.update(
                task,
                total=progress.n_bytes,
                completed=progress.n_bytes_done,
                n_documents=progress.n_documents_done,
                doing=one_line(progress.doing),
            )

        yield show


def _lines() -> Callable[[IngestProgress], None]:
    started_at = last_at = time.monotonic()

    def show(progress: IngestProgress) -> None:
        nonlocal last_at
        now = time.monotonic()
        if now - last_at < LINE_EVERY_S or not (progress.n_bytes_done or progress.doing):
            return
        last_at = now
        doing = f" ({one_line(progress.doing)})" if progress.doing else ""
        if not progress.n_bytes_done:
            note(f"no document is complete yet{doing}")
            return
        done_fraction = min(1.0, progress.n_bytes_done / progress.n_bytes)
        left_s = (now - started_at) * (1 - done_fraction) / done_fraction
        note(
            f"{progress.n_documents_done:,} documents, {done_fraction:.0%} of all bytes, "
            f"about {left_s:,.0f} s left{doing}"
        )

    return show
