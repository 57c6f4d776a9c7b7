"""A question on its way: the best evidence at once, then text that settles as it is checked."""

from __future__ import annotations

from typing import Any

import streamlit as st

from assistant.answer_text import answer_sentences
from assistant.types import Citation
from assistant.waiting_line import InLine
from ui.web.answering import AnswerProgress
from ui.web.components.reply import PROVISIONAL, QUOTE_CHARS, sentences_markdown
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
            f":small[Nearest sentence, from {plain(name + page)}]",
            icon=":material/search:",
        )
    text = sentences_markdown(written_so_far(progress))
    if text:
        st.markdown(text)
    st.caption(f"{_step(progress)} · {progress.elapsed_s:.0f} s")


def written_so_far(progress: AnswerProgress) -> list[dict[str, Any]]:
    """Return checked sentences, numbered as the reply will be, then what is not checked yet."""
    numbers: dict[Citation, int] = {}
    sentences: list[dict[str, Any]] = []
    for checked in progress.checked:
        proven = [numbers.setdefault(one, len(numbers)) for one in checked.citations]
        support = str(checked.sentence.support)
        sentences.append({"text": checked.sentence.text, "support": support, "citations": proven})
    return sentences + [
        {"text": text, "support": PROVISIONAL, "citations": []} for text in _unchecked(progress)
    ]


def _unchecked(progress: AnswerProgress) -> list[str]:
    """Return what was written after the last sentence that was checked."""
    written = answer_sentences(progress.text)
    known = {checked.sentence.text for checked in progress.checked}
    n_done = max((index + 1 for index, text in enumerate(written) if text in known), default=0)
    return written[n_done:]


def line_text(place: InLine) -> str:
    """Say who comes first, and how long that will take."""
    before = "1 question comes" if place.n_before == 1 else f"{place.n_before} questions come"
    line = "You are next" if not place.n_before else f"{before} before yours"
    return line if place.about_s is None else f"{line}, in about {max(1, round(place.about_s))} s"


def _step(progress: AnswerProgress) -> str:
    if progress.is_stopping:
        return "Stopping"
    if progress.text:
        return "Writing; grey text is not checked yet"
    if progress.in_line is not None:
        return line_text(progress.in_line)
    if progress.best:
        return "Reading the passages"
    return "Searching"
