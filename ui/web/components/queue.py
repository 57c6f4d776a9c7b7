"""The queue: what is being taken in, what ended last, and the earlier batches, folded."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from assistant.store.types import Job, JobState
from ui.web.components.batch import draw_batch, draw_earlier_batch
from ui.web.components.pause import draw_pause
from ui.web.services.intake import Intake

MOST_EARLIER = 20
"""Earlier batches that are drawn; the others are counted."""


def has_work(intake: Intake) -> bool:
    """Tell whether something is waiting or being taken in."""
    return any(not job.state.is_over for job in _jobs(intake))


def draw_queue(intake: Intake) -> None:
    """Draw the batches under way and the one that ended last; the earlier ones are folded."""
    draw_pause(intake)
    jobs = _jobs(intake)
    under_way = [job for job in jobs if not job.state.is_over]
    over = sorted((job for job in jobs if job.state.is_over), key=_ended, reverse=True)
    if under_way and not intake.is_worker_alive():
        st.warning("The process that takes documents in is starting; what is here is safe.")
    for job in (*under_way, *over[:1]):
        draw_batch(intake, job)
    if n_waiting := intake.n_without_vectors():
        st.caption(
            f":material/hourglass_top: {n_waiting:,} passages are found by their words; "
            "by their meaning as soon as they are read a second time."
        )
    if over[1:]:
        _draw_earlier(intake, over[1:])


def _draw_earlier(intake: Intake, jobs: Sequence[Job]) -> None:
    # With a key it stays open when a batch less changes its label.
    with st.expander(_earlier_label(jobs), key="earlier-batches"):
        st.button(
            "Clear all",
            icon=":material/clear_all:",
            help="Takes these batches off this list. Files that were taken in stay; rejected ones "
            "would have to be sent again.",
            on_click=_clear_all,
            args=(intake, jobs),
        )
        for job in jobs[:MOST_EARLIER]:
            draw_earlier_batch(intake, job)
        if len(jobs) > MOST_EARLIER:
            st.caption(f"and {len(jobs) - MOST_EARLIER:,} more")


def _earlier_label(jobs: Sequence[Job]) -> str:
    """Say how many batches are folded and what in them may need somebody's eye."""
    n_rejected = sum(job.n_rejected for job in jobs)
    n_incomplete = sum(job.state is not JobState.DONE for job in jobs)
    parts = [f"{len(jobs):,} earlier {'batch' if len(jobs) == 1 else 'batches'}"]
    if n_rejected:
        parts.append(f":red[{n_rejected:,} rejected {'file' if n_rejected == 1 else 'files'}]")
    else:
        parts.append("no rejected files")
    if n_incomplete:
        parts.append(f":red[{n_incomplete:,} failed or stopped]")
    return " · ".join(parts)


def _clear_all(intake: Intake, jobs: Sequence[Job]) -> None:
    for job in jobs:
        intake.clear(job.job_id)


def _jobs(intake: Intake) -> tuple[Job, ...]:
    return intake.batches()


def _ended(job: Job) -> tuple[str, int]:
    return job.finished_at or "", job.job_id
