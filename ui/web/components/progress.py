"""A question on its way: the best evidence at once, then text that settles as it is checked."""

from __future__ import annotations

import streamlit as st

from assistant.types import Support
from ui.web.answering import AnswerProgress
from ui.web.components.reply import QUOTE_CHARS
from ui.web.shown_text import plain, shortened


def draw_progress(progress: AnswerProgress) -> None:
    """Draw how far a question is."""
    if progress.resolved and progress.resolved != progress.question:
        st.caption(f"Understood as: {plain(progress.resolved)}")
    if progress.best:
        name = progress.best.document.rsplit("/", 1)[-1]
        page = f", page {progress.best.page_number}" if progress.best.page_number else ""
        st.info(
            f"{plain(shortened(progress.best.quote, QUOTE_CHARS))}  \n"
            f":gray[Nearest sentence, from {plain(name + page)}]",
            icon=":material/search:",
        )
    settled = ""
    for checked in progress.checked:
        text = plain(checked.sentence.text, lines=True)
        if checked.sentence.support is Support.UNSUPPORTED:
            settled += f"\n\n:gray[~~{text}~~ withheld: not proven]"
        else:
            settled += f"\n\n:green[:material/check:] {text}"
    if settled:
        st.markdown(settled)
    if progress.text and not progress.is_done:
        st.markdown(f":gray[{plain(progress.text, lines=True)}]")
    st.caption(f"{_step(progress)} · {progress.elapsed_s:.0f} s")


def _step(progress: AnswerProgress) -> str:
    if progress.text:
        return "Writing; grey text is not checked yet"
    if progress.best:
        return "Reading the passages"
    return "Searching"
