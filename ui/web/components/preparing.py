"""How much of the corpus is prepared for fast answers."""

from __future__ import annotations

import streamlit as st

from assistant.warming import WarmingProgress
from ui.web.desk import Desk
from ui.web.shown_text import plain

REDRAW_S = 3.0


def draw_preparing(desk: Desk) -> None:
    """Draw a line about it, again and again while it grows; nothing where it is switched off."""
    before = _progress(desk)
    if before is None:
        return

    @st.fragment(run_every=REDRAW_S if _goes_on(before) else None)
    def live() -> None:
        progress = _progress(desk)
        if progress is not None and progress.n_chunks:
            st.caption(described(progress))

    live()


def described(progress: WarmingProgress) -> str:
    """Return the line as Markdown."""
    done = f"{progress.n_kept:,} of {progress.n_chunks:,} passages"
    if progress.error is not None:
        return f":material/error: {done} are prepared for fast answers: {plain(progress.error)}"
    if progress.is_full:
        return f":material/bolt: {done} are prepared for fast answers; more do not fit the budget."
    if _goes_on(progress):
        return f":material/bolt: Preparing fast answers: {done}. You can ask meanwhile."
    return f":material/bolt: All {progress.n_chunks:,} passages are prepared for fast answers."


def _goes_on(progress: WarmingProgress) -> bool:
    is_over = progress.is_full or progress.error is not None
    return not is_over and progress.n_kept < progress.n_chunks


def _progress(desk: Desk) -> WarmingProgress | None:
    return desk.warming
