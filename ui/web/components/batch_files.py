"""The files of a batch and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from assistant.store.types import JobFile
from ui.web.shown_text import plain

MOST_FILES = 200
"""Listed of one batch where it is unfolded."""
MOST_REJECTED = 5
"""Rejected files that are named without a click."""
REJECTED = "rejected"
_STATUSES = {
    None: "waiting",
    "ingested": ":green[taken in]",
    "replaced": ":green[new version]",
    "linked": ":green[taken in, same bytes as another document]",
    "unchanged": "unchanged",
    "removed": "removed",
    REJECTED: ":red[rejected]",
}
_ORDER = {REJECTED: 0, None: 1}


def divided(files: Sequence[JobFile]) -> tuple[Sequence[JobFile], Sequence[JobFile]]:
    """Return the rejected files that are named without a click, and all others.

    Of these, first come those that may need somebody's eye.
    """
    ordered = sorted(files, key=lambda file: _ORDER.get(file.status, 2))
    n_named = min(MOST_REJECTED, sum(file.status == REJECTED for file in files))
    return ordered[:n_named], ordered[n_named:]


def fates(files: Sequence[JobFile]) -> str:
    """Count how files ended, most frequent first."""
    counts = Counter(file.status for file in files)
    return ", ".join(
        f"{n:,} {_STATUSES.get(status, status or '')}" for status, n in counts.most_common()
    )


def list_files(files: Sequence[JobFile]) -> None:
    """Draw a line for each file, with the reason if it was rejected; nothing if there is none."""
    if files:
        st.markdown("\n".join(map(_line, files[:MOST_FILES])))
    if len(files) > MOST_FILES:
        st.caption(f"and {len(files) - MOST_FILES:,} more")


def _line(file: JobFile) -> str:
    line = f"- {plain(file.document)}: {_STATUSES.get(file.status, file.status)}"
    if file.reason:
        line += f", {file.reason.replace('_', ' ')}: {plain(file.detail or '')}"
    elif file.n_pages:
        line += f", {file.n_pages:,} {'page' if file.n_pages == 1 else 'pages'}"
    return line
