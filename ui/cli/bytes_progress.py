"""How far something with a known number of bytes is: a bar on a terminal, else a line at times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ui.cli.terminal import note

FIRST_LINE_S = 2.0
LINE_EVERY_S = 10.0


@contextmanager
def show_bytes(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what to call with the bytes that are done and all there are; it goes to stderr.

    Args:
        what: What is being done, as "backing up".
    """
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def show(n_done: int, n_bytes: int) -> None:
            bar.update(task, total=n_bytes, completed=n_done)

        yield show


def _lines(what: str) -> Callable[[int, int], None]:
    started_at = time.monotonic()
    next_at = started_at + FIRST_LINE_S

    def show(n_done: int, n_bytes: int) -> None:
        nonlocal next_at
        now = time.monotonic()
        if now < next_at or not n_done:
            return
        next_at = now + LINE_EVERY_S
        left_s = (now - started_at) * max(0, n_bytes - n_done) / n_done
        note(f"{what}: {n_done / 1e6:,.0f} of {n_bytes / 1e6:,.0f} MB, about {left_s:,.0f} s left")

    return show
